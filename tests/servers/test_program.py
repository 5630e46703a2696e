import ast
import subprocess
import sys
from pathlib import Path

import servers

ROOT = Path(servers.__file__).parent


def _imported(file: Path) -> set[str]:
    """The top-level names of the packages that a file imports."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add((node.module or "").partition(".")[0])
    return found


def test_bundled_servers_import_only_mcp_and_the_standard_library() -> None:
    imported = set().union(*(_imported(file) for file in ROOT.rglob("*.py")))
    assert imported - sys.stdlib_module_names == {"mcp", "servers"}


def test_a_server_ends_when_its_stdin_ends() -> None:
    code = "from servers.program import start; from servers.tooling import Program; start(Program('x', '1', '', ()))"
    done = subprocess.run(
        [sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"")


def test_help_does_not_pay_for_importing_mcp() -> None:
    code = "import sys, servers.shop.command, servers.workspace.command; print('mcp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=60, check=True, text=True)
    assert done.stdout.strip() == "False"
