"""Words of titles get keys of their own (see ``engines.title_key``)."""

from django.db import migrations

_MARK = "UPDATE catalog_catalogitem SET search_title = 't' || replace(search_title, ' ', ' t') WHERE search_title <> ''"
_UNMARK = (
    "UPDATE catalog_catalogitem SET search_title = substr(replace(search_title, ' t', ' '), 2) WHERE search_title <> ''"
)


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_facets_places_and_references")]
    operations = [migrations.RunSQL(_MARK, _UNMARK)]
