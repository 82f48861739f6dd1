"""An AWS account in memory, for tests, the simulation and the benchmarks.

It is a product of its own: it imports nothing of the kit and nothing else of the tests. `account.FakeAws` is the
account, with S3, DynamoDB, SQS, EventBridge, Systems Manager's parameters and Step Functions as clients that are called
as boto3's are. `stack.deployed` makes the kit's resources in it. `clock.Clock` is its time and `context.FakeContext` is
Lambda's context object. `moto_backend` puts moto behind the same interface, and tests/contract runs one suite on both.

What it promises:

* A request and an answer have the form of botocore's service models. A call that boto3 refuses raises the same
  ParamValidationError here; `FakeAws(validate=False)` skips these checks for runs of very many calls.
* A refusal is the ClientError that AWS raises: the same code, the same modelled subclass, the same members.
* An argument or an expression that it does not know raises NotImplementedError. Nothing is ignored silently.
* Limits that the kit can meet hold: sizes of items, keys, messages, batches and transactions.
* Every call is atomic, so threads may share an account.
* The same calls have the same effects: time moves only with the clock, ids count up, and nothing is random.
* `FakeAws.calls` lists every call. Every call can be made to fail before or after it takes effect (`on_call`), and
  every entry of a batch can be made to fail (`partial`).

Where it differs from AWS:

* Reads are always consistent, including reads of indexes and of queue attributes. `receive_message` is complete, in
  order of arrival, and never waits. Code that relies on any of this passes here and may fail on AWS.
* No call takes time, none is throttled and none is denied, unless a hook does it.
* DynamoDB's TTL deletes nothing. Indexes project all attributes.
* Nothing runs on its own. `dynamodb.stream_records` and `sqs.lambda_event` show what an event source mapping would
  deliver, `events.published` what a bus took, `stepfunctions.started` which executions were started; the caller acts on
  them.
* S3 has no versions and no multipart uploads. Parameters have type String.
* Only the operations that the kit calls exist.
"""
