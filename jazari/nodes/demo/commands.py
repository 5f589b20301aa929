"""`jazari demo`."""

from __future__ import annotations

import shutil
import signal
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from jazari.cli.app import command, make_app

if TYPE_CHECKING:
    from rich.console import Console

    from jazari.nodes.demo.story import Story

app = make_app("A whole network on this machine.")


@command(app, "demo", example="jazari demo --institutes 4 --exit --report report.json")
def demo(
    institutes: Annotated[int, typer.Option(help="How many institutes.", min=2, max=10)] = 4,
    exit_: Annotated[bool, typer.Option("--exit", help="Stop at the end instead of serving until Ctrl-C.")] = False,
    report: Annotated[Path | None, typer.Option(help="Write what was measured to this JSON file.")] = None,
    folder: Annotated[
        Path | None, typer.Option(help="An empty folder for the homes (else a temporary one, removed at the end).")
    ] = None,
) -> None:
    """Found a Root and institutes here, run real federated studies, verify the result, and attack it all.

    Every step goes through the commands that an operator would use. The data are real: soil records of
    Morocco's regions (turba-data), each institute with its own region's rows.
    """
    from rich.console import Console

    from jazari.nodes.demo.story import Story
    from jazari.nodes.errors import DemoFailed

    place = _folder(folder)
    console = Console()
    story = Story(place, institutes, console)
    try:
        with story.told():
            _conclude(story, report, console)
            if not exit_:
                story.show_portals()
                console.print(f"The network serves from {place}: Ctrl-C stops it.")
                signal.sigwait({signal.SIGINT, signal.SIGTERM})
    finally:
        if folder is None:
            shutil.rmtree(place, ignore_errors=True)
    if story.report.problems:
        raise DemoFailed(f"The demo does not show what it should: {'; '.join(story.report.problems)}.")


def _folder(folder: Path | None) -> Path:
    from jazari.core.files import plain_os_errors
    from jazari.nodes.errors import DemoFailed

    if folder is None:
        return Path(tempfile.mkdtemp(prefix="jazari-demo-"))
    with plain_os_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise DemoFailed(f"{folder} is not empty: name another folder, or none.")
    return folder.absolute()


def _conclude(story: Story, report: Path | None, console: Console) -> None:
    facts = story.report
    console.print(f"{facts.seconds_total:.0f} s, {facts.peak_memory_mb:.0f} MB at most.", highlight=False)
    if report is not None:
        plot = report.with_suffix(".svg")
        shutil.copy(facts.plot, plot)
        facts.plot = str(plot)
        facts.write(report)
        console.print(f"The report is in {report}, the plot in {plot}.")
