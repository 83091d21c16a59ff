"""The socket that answers go out on."""

import contextlib
import socket

from bridge.listen import bind


def test_an_answer_written_in_parts_never_waits_for_the_other_side_to_acknowledge_the_first() -> None:
    front = bind("127.0.0.1", 0)
    with contextlib.closing(front.socket), socket.create_connection(front.socket.getsockname()):
        accepted, _ = front.socket.accept()
        with contextlib.closing(accepted):
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
