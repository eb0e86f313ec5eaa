"""The local AWS: one process, one port, the real wire protocol, any AWS client.

moto keeps the state of S3, SQS, SNS, EventBridge, SSM, DynamoDB and the rest; a guard in front of it refuses what AWS
refuses and moto does not; engines of our own join through ``aws_emulator.services``.
"""

__version__ = "0.1.0"
