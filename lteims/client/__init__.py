"""The remote API from the other side (floor 2; manual 6): for test scripts, for `lteims monitor`, for tests.

One object is one connection; answers find their callers by message_id, events their iterators by name.
connection.py has the connection, events.py the iterators. A script of twenty lines, docs/client.py:

    import asyncio
    import sys

    from lteims.client import CallError, Client


    async def main(address: str, password: str = "") -> None:
        async with Client(address, password=password) as ims:
            print("connected to", ims.greeting["name"], ims.greeting["version"])
            async with ims.events("users_update") as changes:
                answer = await ims.call("users_get", registered_only=True)
                print("registered:", [user["impi"] for user in answer["users"]])
                try:
                    await ims.call("sms", impi="nobody", text="hello")
                except CallError as error:
                    print("sms:", error.answer["error"])
                async for event in changes:
                    print("changed:", [user["impi"] for user in event["users_update"]])
                    break


    asyncio.run(main(*sys.argv[1:]))
"""

from lteims.client.connection import Client
from lteims.client.errors import Answer, CallError, ClientError, LoginError, NotConnected
from lteims.client.events import Events

__all__ = ["Answer", "CallError", "Client", "ClientError", "Events", "LoginError", "NotConnected"]
