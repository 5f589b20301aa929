"""The index. The full-text engine follows in 0003, whose columns it needs."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            name="CatalogItem",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("ref", models.CharField(max_length=140, unique=True)),
                ("series", models.CharField(db_index=True, max_length=130)),
                ("namespace", models.CharField(db_index=True, max_length=40)),
                ("type", models.CharField(db_index=True, max_length=40)),
                ("version", models.PositiveIntegerField()),
                ("published", models.DateTimeField()),
                ("digest", models.CharField(max_length=80)),
                ("record", models.TextField()),
                ("title", models.JSONField(default=dict)),
                ("is_latest", models.BooleanField(default=True)),
                ("withdrawn_by", models.CharField(blank=True, default="", max_length=140)),
                ("withdrawn_reason", models.JSONField(default=dict)),
                ("problem", models.TextField(blank=True, default="")),
                ("search_title", models.TextField(blank=True, default="")),
                ("search_text", models.TextField(blank=True, default="")),
            ],
            options={"ordering": ("-published", "ref")},
        ),
        migrations.CreateModel(
            name="IndexedLog",
            fields=[
                ("namespace", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("records", models.PositiveBigIntegerField(default=0)),
                ("digest", models.CharField(max_length=80)),
            ],
        ),
    ]
