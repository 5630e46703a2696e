"""The applications that people use MCP servers from, and what their configurations say.

MCP calls them hosts; people say clients. Their files are theirs: what Toolgate changes is one entry, and every other
byte stays. Whatever is changed can be given back as it was.

    table       which hosts there are: where each keeps its servers, in which format, how an entry is written
    dialects    a host's entry in our form, and ours in its
    text        a file as bytes and as text, and back again to the byte
    json_edit   one member in or out of a JSON file with comments
    toml_edit   one table in or out of a TOML file
    sections    what the files of the hosts hold, and those that can't be read
    naming      what was found, and which name each server goes by here
    changes     files written whole or not at all, after a backup; and back
    home        the gateway that servers are moved to
"""
