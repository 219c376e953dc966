#!/usr/bin/env python3
"""Inserts into plain SQLite, one row a transaction, WAL mode, synchronous=FULL: what durable_inserts is held against.

Usage: sqlite_inserts.py FILE CONNECTIONS SECONDS
Prints the number of rows inserted and the seconds it took. Each connection is a process of its own.
"""

import multiprocessing
import sqlite3
import sys
import time


def connect(path):
    connection = sqlite3.connect(path, isolation_level=None, timeout=60)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=FULL")
    return connection


def insert(path, client, start, seconds, results):
    connection = connect(path)
    start.wait()
    end = time.monotonic() + seconds
    rows = 0
    while time.monotonic() < end:
        body = f"message {rows} of client {client}, as long as a line in a chat room"
        connection.execute("INSERT INTO message VALUES (?, ?, ?)", (client, rows, body))
        rows += 1
    results.put(rows)


def main():
    path, connections, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    connect(path).execute(
        "CREATE TABLE message (client INTEGER, number INTEGER, body TEXT, PRIMARY KEY (client, number)) WITHOUT ROWID"
    )
    results = multiprocessing.Queue()
    start = multiprocessing.Barrier(connections + 1)
    clients = [
        multiprocessing.Process(target=insert, args=(path, client, start, seconds, results))
        for client in range(connections)
    ]
    for client in clients:
        client.start()
    start.wait()
    began = time.monotonic()
    rows = sum(results.get() for _ in clients)
    for client in clients:
        client.join()
    print(rows, time.monotonic() - began)


if __name__ == "__main__":
    main()
