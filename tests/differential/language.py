"""The scenario language: text to nested instructions."""

BLOCKS = {"repeat", "try", "timeout", "timeout_at", "group"}
DECLARATIONS = {"future", "queue", "lock", "condition", "semaphore", "bounded", "barrier",
                "event", "var"}


class Instruction:
    """One line; a block has a body, `try` has handlers (kind, body) and perhaps a final."""

    __slots__ = ("line", "maybe", "op", "args", "body", "handlers", "final")

    def __init__(self, line, words):
        self.line = line
        self.maybe = words[0] == "maybe"  # an error is traced, and then ignored
        self.op, *self.args = words[1:] if self.maybe else words
        self.body = None
        self.handlers = []
        self.final = None


class Scenario:
    def __init__(self, name):
        self.name = name
        self.lines = []         # the text, first line included
        self.declarations = []  # (what, [word ...])
        self.callbacks = {}     # name: body
        self.tasks = {}         # name: body; "main" is one of them


def words_of(line):
    return line.split("#", 1)[0].split()


def parse_block(lines, position, stop):
    """Instructions from lines[position] up to a line that starts with one of `stop`; gives
    them and the position of that line."""
    body = []
    while True:
        words = words_of(lines[position])
        if not words:
            position += 1
            continue
        if words[0] in stop:
            return body, position
        instruction = Instruction(position + 1, words)
        body.append(instruction)
        position += 1
        if instruction.op in BLOCKS:
            position = parse_rest(lines, position, instruction)


def parse_rest(lines, position, instruction):
    if instruction.op != "try":
        instruction.body, position = parse_block(lines, position, ("end",))
        return position + 1
    ends = ("except", "finally", "end")
    instruction.body, position = parse_block(lines, position, ends)
    while True:
        words = words_of(lines[position])
        if words[0] == "end":
            return position + 1
        body, position = parse_block(lines, position + 1, ends)
        if words[0] == "finally":
            instruction.final = body
        else:
            instruction.handlers.append((words[1], body))


def parse_one(lines):
    scenario = Scenario(words_of(lines[0])[1])
    scenario.lines = lines
    position = 1
    while position < len(lines):
        words = words_of(lines[position])
        if not words:
            position += 1
        elif words[0] in DECLARATIONS:
            scenario.declarations.append((words[0], words[1:]))
            position += 1
        elif words[0] in ("task", "callback", "main"):
            body, end = parse_block(lines, position + 1, ("end",))
            names = words[1:] if words[0] != "main" else ["main"]
            into = scenario.callbacks if words[0] == "callback" else scenario.tasks
            for name in names:
                into[name] = body
            position = end + 1
        else:
            raise SyntaxError(f"{scenario.name}: line {position + 1}: {lines[position]!r}")
    return scenario


def split(text):
    """The lines of each scenario of a file; comments before the first are left out."""
    found = []
    for line in text.splitlines():
        if line.startswith("scenario "):
            found.append([])
        if found:
            found[-1].append(line)
    return found


def parse(text):
    return [parse_one(lines) for lines in split(text)]
