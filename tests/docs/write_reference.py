"""``python -m tests.docs.write_reference``: write the reference pages that follow from the code."""

from __future__ import annotations

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "jazari.settings.test")

from tests.docs import api_page, commands_page, errors_page


def main() -> None:
    """Write the pages; one more, ``cards.md``, is written by ``jazari catalog schemas``."""
    import django

    django.setup()
    from tests.docs import public_api_page  # needs Django

    commands_page.PAGE.write_text(commands_page.render(), encoding="utf-8")
    errors_page.PAGE.write_text(errors_page.render(errors_page.written()), encoding="utf-8")
    api_page.PAGE.write_text(api_page.render(errors_page.written()), encoding="utf-8")
    public_api_page.PAGE.write_text(public_api_page.render(), encoding="utf-8")


if __name__ == "__main__":
    main()
