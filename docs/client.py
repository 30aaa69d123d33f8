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
