"""Microsoft's ODBC driver 18, which PyPI's mssql-python brings along."""

import re

import mssql_python

from target import Connection, SqlError, Unable, main


def translated(error):
    # The driver hands on text and SQLSTATE; number, severity, state and line stay inside it.
    text = str(getattr(error, "ddbc_error", "") or error)
    return SqlError(text=re.sub(r"^(\[[^\]]*\])+", "", text))


class Odbc(Connection):
    name = "odbc"
    encryptions = {"login": "no", "all": "yes", "strict": "strict"}

    def __init__(self, target, encryption="all", port=None, database=None, user=None, password=None, **more):
        parts = {
            "Server": f"{target.host},{port or target.port}",
            "UID": user or target.user,
            "PWD": "{" + (password or target.password) + "}",
            "Encrypt": self.encryptions[encryption],
            "TrustServerCertificate": "no" if encryption == "strict" else "yes",
        }
        if encryption == "strict" and target.certificate:
            parts["ServerCertificate"] = target.certificate
        if database:
            parts["Database"] = database
        if "packet_bytes" in more:
            parts["PacketSize"] = str(more["packet_bytes"])
        try:
            self.connection = mssql_python.connect(
                ";".join(f"{key}={value}" for key, value in parts.items())
            )
            self.connection.timeout = more.get("timeout", 60)
            self.connection.autocommit = True
        except mssql_python.Error as error:
            raise translated(error) from error
        self.told = []

    def query(self, text, parameters=None):
        cursor = self.connection.cursor()
        sets = []
        try:
            if parameters is None:
                cursor.execute(text)
            else:
                try:
                    cursor.execute(text, *parameters)
                except RuntimeError as error:
                    # The package refuses dates before 1753 although the driver takes them.
                    raise Unable(str(error)) from error
            while True:
                self.note(cursor)
                if cursor.description:
                    sets.append([tuple(row) for row in cursor.fetchall()])
                    self.note(cursor)
                if not cursor.nextset():
                    self.note(cursor)
                    return sets
        except mssql_python.Error as error:
            raise translated(error) from error
        finally:
            cursor.close()

    def note(self, cursor):
        self.told += [re.sub(r"^(\[[^\]]*\])+", "", text) for _, text in cursor.messages or []]
        cursor.messages.clear()

    def messages(self):
        told, self.told = self.told, []
        return told

    def timed_out(self, text):
        cursor = self.connection.cursor()
        try:
            cursor.execute(text)
            return False
        except mssql_python.Error as error:
            if "timeout" not in str(error).lower():
                raise
            return True
        finally:
            cursor.close()

    def begin(self):
        self.connection.autocommit = False

    def commit(self):
        self.connection.commit()
        self.connection.autocommit = True

    def rollback(self):
        self.connection.rollback()
        self.connection.autocommit = True

    def close(self):
        self.connection.close()


if __name__ == "__main__":
    main(Odbc)
