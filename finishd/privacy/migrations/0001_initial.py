from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.CharField(blank=True, max_length=128)),
                ("requested_at", models.DateTimeField()),
                (
                    "due_at",
                    models.DateTimeField(help_text="The sweep queues the erasure again at this time."),
                ),
                (
                    "erased_at",
                    models.DateTimeField(
                        blank=True,
                        help_text="When a search found no reference for the first time.",
                        null=True,
                    ),
                ),
                (
                    "verified_at",
                    models.DateTimeField(
                        blank=True, help_text="When the second search found no reference.", null=True
                    ),
                ),
                (
                    "remaining",
                    models.JSONField(
                        blank=True, default=dict, help_text="References that the last search found, by place."
                    ),
                ),
            ],
            options={
                "ordering": ["-requested_at"],
                "indexes": [models.Index(fields=["verified_at", "due_at"], name="erasure_due")],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("verified_at", None)),
                        fields=("uid",),
                        name="erasure_one_open_per_uid",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("verified_at", None), ("uid", ""), _connector="OR"),
                        name="erasure_verified_has_no_uid",
                    ),
                ],
            },
        ),
    ]
