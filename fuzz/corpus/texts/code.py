a.py
"""Says hello."""

class A:
    def b(self):
        return 1


def c():
    pass
