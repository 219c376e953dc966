"""FreeTDS's tsql: a person at a keyboard. Values are text."""

import os
import re
import subprocess
import tempfile

from target import Connection, SqlError, main

MESSAGE = re.compile(r'^Msg (\d+) \(severity (\d+), state (\d+)\) from (\S*)(?:, Procedure (\S+))?(?: Line (\d+))?:$')


class Tsql(Connection):
    name = "tsql"
    encryptions = {"none": "off", "login": "request", "all": "require"}
    is_text = True

    def __init__(self, target, encryption="none", port=None, database=None, user=None, password=None, **more):
        self.folder = tempfile.TemporaryDirectory()
        configuration = os.path.join(self.folder.name, "freetds.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(
                f"[target]\nhost = {target.host}\nport = {port or target.port}\ntds version = 7.4\n"
                f"encryption = {self.encryptions[encryption]}\nclient charset = UTF-8\n"
            )
        self.environment = {**os.environ, "FREETDSCONF": configuration}
        self.arguments = ["tsql", "-S", "target", "-U", user or target.user, "-P", password or target.password]
        if database:
            self.arguments += ["-D", database]
        self.arguments += ["-a", more.get("application", "conformance"), "-o", "fhq"]
        self.told = []
        self.query("SELECT 1")

    def query(self, text, parameters=None):
        if parameters is not None:
            from target import Unable

            raise Unable("parameters")
        done = subprocess.run(
            self.arguments,
            input=text + "\nGO\n",
            text=True,
            capture_output=True,
            env=self.environment,
            timeout=120,
            check=False,
        )
        errors = []
        lines = iter(done.stderr.splitlines())
        for line in lines:
            found = MESSAGE.match(line)
            if found:
                number, severity, state = (int(found[index]) for index in (1, 2, 3))
                told = next(lines, "").strip().strip('"')
                if severity > 10:
                    errors.append(SqlError(number, severity, state, int(found[6] or 0) or None, told))
                else:
                    self.told.append(told)
            elif line.strip() and not line.startswith(("\t", "locale", "using")):
                if line.startswith("Error 2"):
                    errors.append(SqlError(text=done.stderr))
                else:
                    self.told.append(line)
        if errors:
            raise errors[0]
        # Result sets follow each other without a mark: every line is one row of text.
        rows = [tuple(line.split("\t")) for line in done.stdout.splitlines() if line != ""]
        return [[row] for row in rows]

    def messages(self):
        told, self.told = self.told, []
        return told


if __name__ == "__main__":
    main(Tsql)
