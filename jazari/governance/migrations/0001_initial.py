"""The audit trail and the triggers that make it append-only."""

from __future__ import annotations

from django.db import migrations, models

from jazari.governance.triggers import create_statements, drop_statements


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
            name="AuditEntry",
            fields=[
                ("seq", models.PositiveBigIntegerField(primary_key=True, serialize=False)),
                ("moment", models.CharField(max_length=32)),
                ("kind", models.CharField(db_index=True, max_length=300)),
                ("actor", models.CharField(max_length=300)),
                ("subject", models.CharField(max_length=300)),
                ("detail_text", models.TextField()),
                ("event_id", models.CharField(max_length=300, null=True, unique=True)),
                ("previous_hash", models.CharField(max_length=64)),
                ("hash", models.CharField(max_length=64)),
            ],
            options={"ordering": ("seq",)},
        ),
        migrations.RunPython(_create_triggers, _drop_triggers),
    ]
