"""Reads a ring for a test in a process of its own: pickled calls come in, answers go out."""

import pickle
import sys

from mien.protocol import control_pb2 as pb
from mien.protocol.spawning import open_ring


def main():
    readers = {}
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    while True:
        try:
            number, name, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            if name == "open":
                readers[number] = open_ring(pb.RingInfo.FromString(arguments[0]))
                result = None
            elif name == "state":
                result = readers[number].state
            else:
                result = getattr(readers[number], name)(*arguments)
        except Exception as error:
            result = error
        pickle.dump(result, answers)
        answers.flush()


if __name__ == "__main__":
    main()
