"""Passes connections on to a registry. The first one is broken off when it has got so many bytes from there.

    relay.py HOST:PORT BYTES

Prints the port where it listens, and a line when it has broken off a connection.
"""

import asyncio
import contextlib
import itertools
import sys

PIECE = 4096


async def pass_on(reader, writer, most):
    """Passes on what is read, up to so many bytes."""
    with contextlib.suppress(ConnectionError):
        while most > 0 and (piece := await reader.read(min(PIECE, most))):
            most -= len(piece)
            writer.write(piece)
            await writer.drain()
    if most == 0:
        print("broken off", flush=True)
    writer.close()


async def main():
    address, most = sys.argv[1], int(sys.argv[2])
    host, port = address.rsplit(":", 1)
    limits = itertools.chain([most], itertools.repeat(sys.maxsize))

    async def connected(reader, writer):
        own_reader, own_writer = await asyncio.open_connection(host, port)
        up = asyncio.create_task(pass_on(reader, own_writer, sys.maxsize))
        await pass_on(own_reader, writer, next(limits))
        own_writer.close()
        await up

    server = await asyncio.start_server(connected, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
