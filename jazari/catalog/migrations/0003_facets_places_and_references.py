"""Facets, order and references of items. What was indexed is forgotten: the next synchronisation indexes it again."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from jazari.catalog.engines import create_statements, drop_statements


def _clear(apps, schema_editor):
    for statement in drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)
    for name in ("CatalogItem", "IndexedLog", "CatalogState"):
        apps.get_model("catalog", name).objects.all().delete()


def _create(_apps, schema_editor):
    for statement in create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def _drop(_apps, schema_editor):
    for statement in drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def _add(name, field):
    return migrations.AddField(
        "catalogitem", name, field, preserve_default=field.default == "" or callable(field.default)
    )


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_state")]
    operations = [
        migrations.RunPython(_clear, migrations.RunPython.noop),
        migrations.AlterModelOptions("catalogitem", {"ordering": ("-place",)}),
        _add("number", models.PositiveBigIntegerField(default=0)),
        _add("place", models.BigIntegerField(default=0, unique=True)),
        _add("summary", models.JSONField(default=dict)),
        _add("facets", models.TextField(blank=True, default="")),
        _add("sort_titles", models.CharField(blank=True, default="", max_length=120)),
        _add("search_facets", models.TextField(blank=True, default="")),
        migrations.CreateModel(
            name="CatalogReference",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("target", models.CharField(db_index=True, max_length=140)),
                (
                    "item",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="references",
                        to="catalog.catalogitem",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("item", "target"), name="catalog_a_target_is_named_once")
                ]
            },
        ),
        migrations.RunPython(_create, _drop),
    ]
