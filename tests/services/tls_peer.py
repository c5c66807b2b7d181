"""A client and a server over TLS, as Python's asyncio has them.

tls_peer.py client PORT CAFILE: 20 connections at once, 30 messages on each, some of them large;
    every byte that comes back is compared, and each connection ends in the right way.
tls_peer.py server CERT KEY: sends every line back in upper case; ends the connection after "bye".
"""

import asyncio
import ssl
import sys

CONNECTIONS = 20
MESSAGES = 30


async def one_client(number, port, context):
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=context, server_hostname="localhost"
    )
    for turn in range(MESSAGES):
        size = 100_000 if turn == number else 50 + 13 * turn
        message = bytes((number + turn + i) % 251 for i in range(size))
        writer.write(message)
        await writer.drain()
        answer = await reader.readexactly(size)
        if answer != message:
            sys.exit(f"tls_peer: connection {number}, message {turn}: wrong bytes")
    writer.close()
    await writer.wait_closed()


async def client(port, cafile):
    context = ssl.create_default_context(cafile=cafile)
    tasks = [one_client(i, port, context) for i in range(CONNECTIONS)]
    await asyncio.wait_for(asyncio.gather(*tasks), 60)
    print(f"{CONNECTIONS * MESSAGES} messages were right")


async def shout(reader, writer):
    try:
        while line := await reader.readline():
            writer.write(line.upper())
            await writer.drain()
            if line == b"bye\n":
                break
        writer.close()
        await writer.wait_closed()
    except (OSError, asyncio.IncompleteReadError):
        pass


async def server(certificate, key):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    listener = await asyncio.start_server(shout, "127.0.0.1", 0, ssl=context)
    print(f"listening on 127.0.0.1:{listener.sockets[0].getsockname()[1]}", flush=True)
    await asyncio.wait_for(listener.serve_forever(), 120)


if __name__ == "__main__":
    if sys.argv[1] == "client":
        asyncio.run(client(int(sys.argv[2]), sys.argv[3]))
    else:
        asyncio.run(server(sys.argv[2], sys.argv[3]))
