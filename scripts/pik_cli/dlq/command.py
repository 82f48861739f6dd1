"""The `pik dlq` commands: inspect the dead-letter queue, and send its messages again."""

from __future__ import annotations

import typer

from pik_cli.dlq.executions import start_executions
from pik_cli.dlq.fault import announces_fault
from pik_cli.dlq.follow import cancel, show
from pik_cli.dlq.monitor import monitor
from pik_cli.dlq.native import app as move_tasks
from pik_cli.dlq.preview import analyze, peek
from pik_cli.dlq.redrive import redrive, redrive_all, redrive_batch
from pik_cli.dlq.rescue import purge_to_s3, put_back
from pik_cli.dlq.status import status

app = typer.Typer(name="dlq", no_args_is_help=True, rich_markup_mode=None, context_settings={"max_content_width": 110})


@app.callback()
def dlq() -> None:
    """Dead letters: look, decide, fix, try a few, send the rest, watch.

    A dead letter is a message whose event could not be processed. None of these commands deletes one that is not safe
    elsewhere. Every act shows what it would do with --dry-run, and asks unless --yes.

    \b
    Examples:
      pik dlq status
      pik dlq analyze
      pik dlq redrive --fingerprint 3f2a9c10 --dry-run
      pik dlq redrive --fingerprint 3f2a9c10
      pik dlq monitor
      pik dlq purge-to-s3 --expiring-within 24h
    """


app.command()(announces_fault(status))
app.command()(announces_fault(peek))
app.command()(announces_fault(analyze))
app.command()(announces_fault(redrive))
app.command("redrive-all")(announces_fault(redrive_all))
app.command("redrive-batch")(announces_fault(redrive_batch))
app.command()(announces_fault(show))
app.command()(announces_fault(cancel))
app.command()(announces_fault(monitor))
app.command("purge-to-s3")(announces_fault(purge_to_s3))
app.command("put-back")(announces_fault(put_back))
app.command("start-executions")(announces_fault(start_executions))
app.add_typer(move_tasks)
