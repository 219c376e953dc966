"""pymssql: Python on FreeTDS's db-lib."""

import pymssql
from pymssql import _mssql

from target import Connection, SqlError, main


def translated(error):
    if isinstance(error, _mssql.MSSQLDatabaseException):
        return SqlError(error.number, error.severity, error.state, error.line, str(error.message))
    number = error.args[0] if error.args and isinstance(error.args[0], int) else None
    return SqlError(number, text=str(error))


class PyMsSql(Connection):
    name = "pymssql"
    encryptions = {"none": "off", "login": "request", "all": "require"}

    def __init__(self, target, encryption="none", port=None, database=None, user=None, password=None, **more):
        if "packet_bytes" in more:
            # db-lib takes the packet size from freetds.conf only.
            raise SqlError(text="no packet size")
        self.connect = lambda: _mssql.connect(
            server=target.host,
            port=str(port or target.port),
            user=user or target.user,
            password=password or target.password,
            database=database or "",
            charset="UTF-8",
            tds_version="7.4",
            appname=more.get("application", "conformance"),
            encryption=self.encryptions[encryption],
            conn_properties="",
        )
        try:
            self.connection = self.connect()
        except (_mssql.MSSQLException, pymssql.Error) as error:
            raise translated(error) from error
        self.connection.query_timeout = more.get("timeout", 60)
        self.told = []
        self.connection.set_msghandler(self.tell)

    def tell(self, _state, severity, _server, _procedure, _line, text):
        if severity <= 10:
            self.told.append(text.decode("utf-8"))

    def query(self, text, parameters=None):
        try:
            if parameters is None:
                self.connection.execute_query(text)
            else:
                # db-lib has no parameters here: the client writes them into the text.
                self.connection.execute_query(text.replace("?", "%s"), tuple(parameters))
            sets = []
            while True:
                header = self.connection.get_header()
                rows = [tuple(row) for row in self.connection.get_iterator(_mssql.ROW_FORMAT_TUPLE)]
                if header:
                    sets.append(rows)
                if self.connection.nextresult() is None:
                    return sets
        except (_mssql.MSSQLException, pymssql.Error) as error:
            raise translated(error) from error

    def messages(self):
        told, self.told = self.told, []
        return told

    def call(self, procedure, arguments):
        kinds = {"int": _mssql.SQLINT4, "varchar(100)": _mssql.SQLVARCHAR}
        try:
            called = self.connection.init_procedure(procedure)
            for name, kind, value, is_output in arguments:
                called.bind(value, kinds[kind], name, output=is_output, max_length=100)
            status = called.execute()
            while self.connection.nextresult() is not None:
                pass
            outputs = {name: called.parameters[name] for name, _, _, is_output in arguments if is_output}
            return status, outputs
        except (_mssql.MSSQLException, pymssql.Error) as error:
            raise translated(error) from error

    def timed_out(self, text):
        try:
            self.connection.execute_query(text)
            return False
        except (_mssql.MSSQLException, pymssql.Error):
            # db-lib sends its attention and gives the connection up.
            self.connection = self.connect()
            return True

    def begin(self):
        self.query("BEGIN TRANSACTION")

    def commit(self):
        self.query("COMMIT TRANSACTION")

    def rollback(self):
        self.query("ROLLBACK TRANSACTION")

    def close(self):
        self.connection.close()


if __name__ == "__main__":
    main(PyMsSql)
