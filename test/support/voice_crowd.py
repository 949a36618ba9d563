#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Honest TURN customers, many at once: voice_crowd.py SERVER PORT PEER PEER_PORT SECONDS ADDRESS...

One at each ADDRESS, over UDP. Each gets a relay, a permission and a channel to the peer (who echoes), repeating each request
as RFC 8489 section 6.2.1 says, then sends 20 packets of voice a second through the channel. Prints one line of JSON: how many
got their relay, how long that took at most, and how many of their packets came back.
"""
import asyncio, hashlib, json, os, sys, time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import turn_client as turn

TIMEOUTS = (0.5, 1, 2, 4, 8)  # RFC 8489: RTO 500 ms, doubled


class Customer(asyncio.DatagramProtocol):
    def __init__(self):
        self.waiting, self.returned, self.sent = {}, 0, 0

    def connection_made(self, transport):
        self.transport = transport

    def datagram_received(self, data, _):
        if data[0] & 0xC0 == 0x40:
            self.returned += 1
        elif (future := self.waiting.get(data[8:20])) and not future.done():
            future.set_result(data)

    def error_received(self, _):
        pass  # ICMP: a repetition will tell

    async def ask(self, request):
        future = self.waiting[request[8:20]] = asyncio.get_running_loop().create_future()
        for timeout in TIMEOUTS:
            self.transport.sendto(request)
            try:
                return turn.parse(await asyncio.wait_for(asyncio.shield(future), timeout))
            except asyncio.TimeoutError:
                continue
        raise TimeoutError

    async def signed(self, method, attributes):
        for _ in range(3):
            key, more = None, b""
            if self.nonce:
                key = hashlib.md5(b"alice:" + self.realm + b":secret1").digest()
                more = turn.attribute(turn.USERNAME, b"alice") + turn.attribute(turn.REALM, self.realm) + turn.attribute(turn.NONCE, self.nonce)
            good, answer = await self.ask(turn.request(method, attributes + more, key))
            if good:
                return answer
            self.realm, self.nonce = answer.get(turn.REALM, self.realm), answer.get(turn.NONCE, self.nonce)
        raise ConnectionError(turn.error_of(answer))

    async def live(self, peer, peer_port, until):
        self.realm = self.nonce = b""
        await self.ask(turn.request(turn.BINDING, b""))  # as ICE does
        await self.signed(turn.ALLOCATE, turn.attribute(turn.REQUESTED_TRANSPORT, turn.RELAY_OVER_UDP))
        to = turn.peer_attribute(peer, peer_port)
        await self.signed(turn.CREATE_PERMISSION, to)
        await self.signed(turn.CHANNEL_BIND, turn.attribute(turn.CHANNEL_NUMBER, b"\x40\0\0\0") + to)
        self.ready = time.monotonic()
        while time.monotonic() < until:
            self.transport.sendto(b"\x40\0\0\xa0" + b"v" * 160)
            self.sent += 1
            await asyncio.sleep(0.05)
        await asyncio.sleep(0.5)


async def main(server, port, peer, peer_port, seconds, addresses):
    loop, began = asyncio.get_running_loop(), time.monotonic()
    until = began + seconds

    async def one(address):
        _, customer = await loop.create_datagram_endpoint(Customer, (address, 0), (server, port))
        try:
            await customer.live(peer, peer_port, until)
            return customer.ready - began, customer.sent, customer.returned, customer.transport.get_extra_info("sockname")[1]
        except (OSError, TimeoutError):
            return None

    lives = await asyncio.gather(*map(one, addresses))
    served = [life for life in lives if life]
    print(json.dumps({"customers": len(lives), "served": len(served), "slowest": round(max((life[0] for life in served), default=0), 2),
                      "sent": sum(life[1] for life in served), "returned": sum(life[2] for life in served)}))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4]), float(sys.argv[5]), sys.argv[6:]))
