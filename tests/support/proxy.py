"""A TCP proxy on loopback between a service and what it depends on, for faults of a network. Standard library only.

    with Proxy(stack.postgres.port) as proxy:      # the service connects to 127.0.0.1:proxy.port
        proxy.hold()                               # silence: connections stay, no byte passes
        proxy.forward()                            # what was held flows on, nothing is missing
        proxy.cut()                                # every connection is reset
        proxy.refuse()                             # and new ones are refused, until forward()

A hook decides chunk by chunk, and may strike at a certain one. It runs in the proxy's own thread:

    def lose_the_reply(link, direction, data):
        if direction == TO_SERVER and b"COMMIT" in data:
            link.state["asked"] = True
        elif direction == TO_CLIENT and link.state.pop("asked", False):
            link.cut()
            return None                            # swallowed
        return data

Kafka tells its clients where the brokers are, so KafkaProxy puts itself into those answers, and calls its hook with whole
requests and replies and the number of the API.
"""

import asyncio
import collections
import socket
import struct
import threading

from support.process import free_port

TO_SERVER, TO_CLIENT = "to server", "to client"
CHUNK = 256 << 10


class Link:
    """One connection of a client and its counterpart to the server. Its methods are for the proxy's thread: for hooks."""

    def __init__(self, client, server):
        self.state = {}     # for hooks, and for whoever frames
        self.passed = {TO_SERVER: 0, TO_CLIENT: 0}
        self._writers = {TO_CLIENT: client, TO_SERVER: server}
        self._open = {TO_SERVER: asyncio.Event(), TO_CLIENT: asyncio.Event()}
        self.forward()

    def hold(self, *directions):
        for direction in directions or (TO_SERVER, TO_CLIENT):
            self._open[direction].clear()

    def forward(self):
        for gate in self._open.values():
            gate.set()

    def cut(self):
        """Both ends see a reset; what was not read yet is gone."""
        for writer in self._writers.values():
            sock = writer.get_extra_info("socket")
            if sock is not None and sock.fileno() >= 0:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()
        self.forward()  # whoever waits there finds out

    async def pass_on(self, direction, data):
        await self._open[direction].wait()
        writer = self._writers[direction]
        if writer.transport.is_closing():
            raise ConnectionResetError
        writer.write(data)
        await writer.drain()
        self.passed[direction] += len(data)


class Proxy:
    def __init__(self, upstream_port, port=None):
        self.port = port or free_port()
        self.upstream_port = upstream_port
        self.hook = None  # hook(link, direction, data): what is passed on instead; None or b"" swallows it
        self._links = set()
        self._held = ()
        self._server = None
        self._problem = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy-{self.port}", daemon=True)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self._thread.start()
        self._call(self._listen)
        return self

    def stop(self):
        async def end():
            await self._close()
            self._cut()
            tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        self._call(end)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()
        if self._problem is not None:
            raise self._problem

    def forward(self):
        """Everything flows again, and new connections are taken."""
        async def act():
            self._held = ()
            for link in self._links:
                link.forward()
            await self._listen()

        self._call(act)

    def hold(self, *directions):
        """Silence in one or both directions, for the connections that are and those that come."""
        async def act():
            self._held = directions or (TO_SERVER, TO_CLIENT)
            for link in self._links:
                link.hold(*self._held)

        self._call(act)

    def cut(self):
        """Resets every connection. Returns how many there were."""
        async def act():
            return self._cut()

        return self._call(act)

    def refuse(self):
        """Resets every connection and refuses new ones, until forward()."""
        async def act():
            await self._close()
            return self._cut()

        return self._call(act)

    @property
    def connections(self):
        return len(self._links)

    def process(self, link, direction, data):
        """What becomes of one chunk; in the proxy's thread."""
        return self.hook(link, direction, data) if self.hook else data

    def _call(self, act):
        return asyncio.run_coroutine_threadsafe(act(), self._loop).result(20)

    def _cut(self):
        count = len(self._links)
        for link in list(self._links):
            link.cut()
        return count

    async def _listen(self):
        if self._server is None:
            self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)

    async def _close(self):
        if self._server is not None:
            self._server.close()
            self._server = None

    async def _serve(self, client_reader, client):
        try:
            server_reader, server = await asyncio.open_connection("127.0.0.1", self.upstream_port)
        except OSError:
            client.transport.abort()
            return
        link = Link(client, server)
        if self._held:
            link.hold(*self._held)
        self._links.add(link)
        try:
            await asyncio.gather(self._pump(link, TO_SERVER, client_reader), self._pump(link, TO_CLIENT, server_reader))
        except OSError:
            pass
        except Exception as problem:  # a hook's: stop() raises it, where a test can see it
            self._problem = self._problem or problem
        finally:
            self._links.discard(link)
            for writer in (client, server):
                writer.close()

    async def _pump(self, link, direction, reader):
        """Ends with the end of one side, which is then the end of the other."""
        while data := await reader.read(CHUNK):
            data = self.process(link, direction, data)
            if data:
                await link.pass_on(direction, data)
        raise ConnectionAbortedError


PRODUCE, FETCH, METADATA, FIND_COORDINATOR = 0, 1, 3, 10  # numbers of Kafka APIs, for hooks


class KafkaProxy(Proxy):
    """hook(link, direction, api, data): `data` is one whole request or reply with its length in front, `api` its number."""

    def process(self, link, direction, data):
        """Kafka's framing: a length of four bytes, then the message; a reply names its request by the correlation id."""
        buffer = link.state.setdefault(direction, bytearray())
        requests = link.state.setdefault("requests", collections.OrderedDict())
        buffer += data
        out = bytearray()
        while len(buffer) >= 4:
            size = 4 + struct.unpack_from(">i", buffer)[0]
            if len(buffer) < size:
                break
            frame = bytes(buffer[:size])
            del buffer[:size]
            if direction == TO_SERVER:
                api, _, correlation = struct.unpack_from(">hhi", frame, 4)
                requests[correlation] = api
            else:
                api = requests.pop(struct.unpack_from(">i", frame, 4)[0], -1)
                frame = self._with_our_address(api, frame)
            out += (self.hook(link, direction, api, frame) if self.hook else frame) or b""
        return bytes(out)

    def _with_our_address(self, api, frame):
        """The addresses of brokers are a host and a port; ours has the same length."""
        if api not in (METADATA, FIND_COORDINATOR):
            return frame
        host = b"127.0.0.1"
        return frame.replace(host + struct.pack(">i", self.upstream_port), host + struct.pack(">i", self.port))
