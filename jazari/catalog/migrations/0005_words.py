"""The words of the index. Migration 0003 forgot what was indexed, so that there is nothing to learn them from yet."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0004_words_of_titles")]
    operations = [
        migrations.CreateModel(
            name="CatalogWord",
            fields=[
                ("word", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("items", models.PositiveBigIntegerField(default=0)),
            ],
        ),
    ]
