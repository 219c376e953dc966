"""python-tds: a client written in Python alone."""

import pytds

from target import Connection, SqlError, main


def translated(error):
    return SqlError(
        getattr(error, "number", None),
        getattr(error, "severity", None),
        getattr(error, "state", None),
        getattr(error, "line", None),
        str(error),
    )


class PyTds(Connection):
    name = "python-tds"
    encryptions = {"none": None, "login": True, "all": False}

    def __init__(self, target, encryption="none", port=None, database=None, user=None, password=None, **more):
        login_only = self.encryptions[encryption]
        tls = {}
        if login_only is not None:
            tls = {"cafile": target.certificate or None, "validate_host": False, "enc_login_only": login_only}
        try:
            self.connection = pytds.connect(
                dsn=target.host,
                port=port or target.port,
                user=user or target.user,
                password=password or target.password,
                database=database,
                autocommit=True,
                login_timeout=20,
                timeout=more.get("timeout", 60),
                appname=more.get("application", "conformance"),
                blocksize=more.get("packet_bytes", 4096),
                use_mars=False,
                **tls,
            )
        except pytds.Error as error:
            raise translated(error) from error
        self.told = []

    def query(self, text, parameters=None):
        cursor = self.connection.cursor()
        try:
            if parameters is None:
                cursor.execute(text)
            else:
                bound = [pytds.Binary(value) if isinstance(value, bytes) else value for value in parameters]
                cursor.execute(text.replace("?", "%s"), tuple(bound))
            sets = []
            while True:
                if cursor.description is not None:
                    sets.append([tuple(row) for row in cursor.fetchall()])
                if not cursor.nextset():
                    return sets
        except pytds.Error as error:
            raise translated(error) from error
        finally:
            self.told += [str(message.args[0]) for _, message in cursor.messages or []]
            cursor.close()

    def messages(self):
        told, self.told = self.told, []
        return told

    def call(self, procedure, arguments):
        cursor = self.connection.cursor()
        try:
            given = {
                name: pytds.output(value=value, param_type=kind) if is_output else value
                for name, kind, value, is_output in arguments
            }
            cursor.callproc(procedure, given)
            while True:
                if cursor.description is not None:
                    cursor.fetchall()
                if not cursor.nextset():
                    break
            names = [name for name, _, _, is_output in arguments if is_output]
            values = [value for value in cursor.get_proc_outputs()]
            return cursor.get_proc_return_status(), dict(zip(names, values))
        except pytds.Error as error:
            raise translated(error) from error
        finally:
            cursor.close()

    def timed_out(self, text):
        cursor = self.connection.cursor()
        try:
            cursor.execute(text)
            cursor.fetchall()
            return False
        except pytds.TimeoutError:
            # The attention goes out with the cancel; the server's answer to it is read here.
            cursor.cancel()
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
    main(PyTds)
