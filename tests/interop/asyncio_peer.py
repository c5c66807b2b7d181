"""asyncio's end of conversations with eddy; see eddy_peer.c, whose commands these are, too.

    asyncio_peer.py serve WHERE [--tls CERT KEY]
    asyncio_peer.py load WHERE [--connections N] [--bytes N] [--ca FILE] [--name NAME]
    asyncio_peer.py udp-serve
    asyncio_peer.py udp WHERE
"""
import argparse
import asyncio
import random
import signal
import ssl
import sys


def client_context(options):
    if options.ca is None:
        return {}
    context = ssl.create_default_context(cafile=options.ca)
    return {"ssl": context, "server_hostname": options.name or "127.0.0.1"}


async def connect(options):
    more = client_context(options)
    if "/" in options.where:
        return await asyncio.open_unix_connection(options.where, **more)
    return await asyncio.open_connection("127.0.0.1", int(options.where), **more)


async def until_stopped():
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()


# ---- streams ----


async def echo(reader, writer):
    try:
        while data := await reader.read(random.randint(1, 10000)):
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
    except (ConnectionError, ssl.SSLError):
        pass


async def serve(options):
    more = {}
    if options.tls is not None:
        more["ssl"] = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        more["ssl"].load_cert_chain(*options.tls)
    if "/" in options.where:
        server = await asyncio.start_unix_server(echo, options.where, **more)
        name = options.where
    else:
        server = await asyncio.start_server(echo, "127.0.0.1", int(options.where), **more)
        name = "%s:%d" % server.sockets[0].getsockname()
    print("listening on", name, flush=True)
    await until_stopped()
    server.close()


async def send(writer, data):
    at = 0
    while at < len(data):
        size = random.randint(1, 20000)
        writer.write(data[at : at + size])
        await writer.drain()
        if random.random() < 0.2:
            await asyncio.sleep(0)
        at += size
    if writer.can_write_eof():
        writer.write_eof()


async def one(options, number):
    reader, writer = await connect(options)
    chance = random.Random(number)
    data = chance.randbytes(chance.randint(1, options.bytes))
    sender = asyncio.create_task(send(writer, data))
    got = await reader.readexactly(len(data))
    await sender
    if got != data:
        raise ValueError("connection %d: wrong bytes" % number)
    if writer.can_write_eof() and await reader.read() != b"":
        raise ValueError("connection %d: too many bytes" % number)
    writer.close()
    await writer.wait_closed()
    return len(data)


async def load(options):
    sizes = await asyncio.gather(*(one(options, i) for i in range(options.connections)))
    print("verified", sum(sizes), "bytes")


# ---- datagrams ----


class Echo(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def udp_serve(options):
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Echo, ("127.0.0.1", 0))
    print("listening on %s:%d" % transport.get_extra_info("sockname"), flush=True)
    await until_stopped()
    transport.close()


class Answers(asyncio.DatagramProtocol):
    def __init__(self):
        self.queue = asyncio.Queue()

    def datagram_received(self, data, address):
        self.queue.put_nowait(data)


async def exchange(transport, answers, data):
    for _ in range(10):
        transport.sendto(data)
        try:
            async with asyncio.timeout(2):
                while await answers.queue.get() != data:
                    pass
                return
        except TimeoutError:
            pass
    raise TimeoutError("a datagram of %d bytes has no echo" % len(data))


async def udp(options):
    loop = asyncio.get_running_loop()
    transport, answers = await loop.create_datagram_endpoint(
        Answers, remote_addr=("127.0.0.1", int(options.where))
    )
    for i in range(300):
        # Not empty ones: before 3.13 asyncio sends none.
        largest = 1400 if i < 250 else 60000
        await exchange(transport, answers, random.randbytes(random.randint(1, largest)))
    transport.close()
    print("verified 300 datagrams")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("way", choices=["serve", "load", "udp-serve", "udp"])
    parser.add_argument("where", nargs="?")
    parser.add_argument("--connections", type=int, default=1)
    parser.add_argument("--bytes", type=int, default=100000)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--ca")
    parser.add_argument("--name")
    options = parser.parse_args()
    ways = {"serve": serve, "load": load, "udp-serve": udp_serve, "udp": udp}
    try:
        asyncio.run(ways[options.way](options))
    except Exception as error:
        sys.exit("asyncio_peer: %s: %s" % (type(error).__name__, error))


main()
