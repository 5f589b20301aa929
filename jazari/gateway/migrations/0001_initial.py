"""Projects, keys, and grants with the triggers that make them append-only."""

from __future__ import annotations

import django.db.models.deletion
from django.db import migrations, models

from jazari.gateway.triggers import create_statements, drop_statements


def _create_triggers(_apps, schema_editor):
    for statement in create_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


def _drop_triggers(_apps, schema_editor):
    for statement in drop_statements(schema_editor.connection.vendor):
        schema_editor.execute(statement, params=None)


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="KeysVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("number", models.PositiveBigIntegerField()),
            ],
        ),
        migrations.CreateModel(
            name="Project",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("name", models.CharField(max_length=40, unique=True)),
                ("title", models.CharField(max_length=200)),
                ("created", models.DateTimeField()),
                ("closed", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("name",),
            },
        ),
        migrations.CreateModel(
            name="Key",
            fields=[
                ("id", models.CharField(max_length=16, primary_key=True, serialize=False)),
                ("name", models.CharField(max_length=40)),
                ("digest", models.CharField(max_length=64)),
                ("last_four", models.CharField(max_length=4)),
                ("routes", models.JSONField()),
                ("highest", models.CharField(max_length=10)),
                ("may_declassify", models.BooleanField()),
                ("requests_a_minute", models.PositiveBigIntegerField()),
                ("tokens_a_minute", models.PositiveBigIntegerField()),
                ("streams", models.PositiveBigIntegerField()),
                ("created", models.DateTimeField()),
                ("expires", models.DateTimeField()),
                ("revoked", models.DateTimeField(null=True)),
                ("overlap_until", models.DateTimeField(null=True)),
                (
                    "replaced_by",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="replaces",
                        to="gateway.key",
                    ),
                ),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="keys", to="gateway.project"
                    ),
                ),
            ],
            options={
                "ordering": ("project", "name", "created", "id"),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("replaced_by__isnull", True), ("revoked__isnull", True)),
                        fields=("project", "name"),
                        name="gateway_one_current_key_of_a_name",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("highest__in", ["public", "internal", "personal", "secret"])),
                        name="gateway_key_has_a_data_class",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Grant",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("amount", models.BigIntegerField()),
                ("note", models.CharField(blank=True, max_length=200)),
                ("actor", models.CharField(max_length=40)),
                ("moment", models.DateTimeField()),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="grants", to="gateway.project"
                    ),
                ),
            ],
            options={
                "ordering": ("id",),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("amount__gt", 0)), name="gateway_grants_only_give")
                ],
            },
        ),
        migrations.RunPython(_create_triggers, _drop_triggers),
    ]
