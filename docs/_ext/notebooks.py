"""A notebook as a page: its text and its code, without outputs."""

import json


def as_markdown(path):
    """Return a notebook's cells below its title, which the page that includes them has itself."""
    parts = []
    for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            shell = text.startswith("%%bash\n")
            parts.append(f"```{'sh' if shell else 'python'}\n{text.removeprefix('%%bash' + chr(10))}\n```")
        else:
            parts.append("\n".join(line for line in text.splitlines() if not line.startswith("# ")).strip())
    return "\n\n".join(parts) + "\n"
