"""asyncio, or uvloop in its place, as an echo service.

    net_asyncio.py asyncio|uvloop streams|protocols|streams_exactly|udp [BUFFER [CERTIFICATE]]

Prints where it listens, and ends on SIGTERM. Exit code 3: uvloop is not installed.
"""

import asyncio
import resource
import signal
import socket
import ssl
import sys

BUFFER = int(sys.argv[3]) if len(sys.argv) > 3 else 65536


class Echo(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.transport.write(data)

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class EchoDatagrams(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, address):
        self.transport.sendto(data, address)


async def echo(reader, writer):
    try:
        while data := await reader.read(BUFFER):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass
    finally:
        writer.close()


async def echo_exactly(reader, writer):
    try:
        while True:
            writer.write(await reader.readexactly(BUFFER))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        writer.close()


async def main(api):
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if api == "udp":
        transport, _ = await loop.create_datagram_endpoint(EchoDatagrams, ("127.0.0.1", 0))
        name = transport.get_extra_info("sockname")
    else:
        tls = None
        if len(sys.argv) > 4:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(sys.argv[4])
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        name = listener.getsockname()
        if api == "protocols":
            await loop.create_server(Echo, sock=listener, backlog=1024, ssl=tls)
        else:
            handler = echo_exactly if api == "streams_exactly" else echo
            await asyncio.start_server(handler, sock=listener, backlog=1024, ssl=tls)
    print(f"listening on {name[0]}:{name[1]} ({sys.argv[1]})", flush=True)
    await stop.wait()


def run():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(65536, most), most))
    if sys.argv[1] == "uvloop":
        try:
            import uvloop
        except ImportError:
            sys.exit(3)
        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.run(main(sys.argv[2]))


run()
