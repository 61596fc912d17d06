from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="SeenHistory",
            fields=[
                ("uid", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("items", models.JSONField(default=list)),
            ],
            options={
                "verbose_name_plural": "seen histories",
            },
        ),
        migrations.CreateModel(
            name="Activity",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "uid", "title", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("uid", models.CharField(max_length=128)),
                ("title", models.CharField(max_length=80)),
                ("status", models.CharField(blank=True, max_length=16, null=True)),
                ("favorite", models.BooleanField(default=False)),
                ("rating", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("origin", models.CharField(blank=True, max_length=16, null=True)),
                ("affinity_gain", models.JSONField(blank=True, default=dict)),
                ("at", models.BigIntegerField()),
                ("recorded_at", models.FloatField(default=0.0)),
                ("version", models.PositiveIntegerField(default=1)),
                ("follower_count", models.PositiveIntegerField(default=0)),
                ("delivered_count", models.PositiveIntegerField(default=0)),
                ("cursor", models.CharField(blank=True, default="", max_length=128)),
                ("started_at", models.FloatField(blank=True, null=True)),
                ("updated_at", models.FloatField(blank=True, null=True)),
            ],
            options={
                "verbose_name_plural": "activities",
                "indexes": [
                    models.Index(fields=["uid", "-at"], name="activity_uid_at"),
                    models.Index(fields=["-recorded_at"], name="activity_recorded"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rating__isnull", True),
                            models.Q(("rating__gte", 1), ("rating__lte", 5)),
                            _connector="OR",
                        ),
                        name="activity_rating_valid",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ActivityRecord",
            fields=[
                ("title", models.CharField(max_length=80)),
                ("status", models.CharField(blank=True, max_length=16, null=True)),
                ("favorite", models.BooleanField(default=False)),
                ("rating", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("origin", models.CharField(blank=True, max_length=16, null=True)),
                ("affinity_gain", models.JSONField(blank=True, default=dict)),
                ("at", models.BigIntegerField()),
                ("recorded_at", models.FloatField(default=0.0)),
                ("version", models.PositiveIntegerField(default=1)),
                ("follower_count", models.PositiveIntegerField(default=0)),
                ("delivered_count", models.PositiveIntegerField(default=0)),
                ("cursor", models.CharField(blank=True, default="", max_length=128)),
                ("started_at", models.FloatField(blank=True, null=True)),
                ("updated_at", models.FloatField(blank=True, null=True)),
                ("uid", models.CharField(max_length=128, primary_key=True, serialize=False)),
            ],
            options={
                "verbose_name": "activity",
                "verbose_name_plural": "activities",
                "db_table": "activity_activity",
                "managed": False,
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Follow",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("follower", models.CharField(max_length=128)),
                ("followee", models.CharField(max_length=128)),
                ("at", models.FloatField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["followee", "follower"], name="follow_delivery"),
                    models.Index(fields=["followee", "-at"], name="follow_followers"),
                    models.Index(fields=["follower", "-at"], name="follow_following"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("follower", "followee"), name="follow_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("kind", models.CharField(max_length=16)),
                ("subject", models.CharField(max_length=128)),
                ("target", models.CharField(blank=True, default="", max_length=128)),
                ("version", models.PositiveIntegerField(default=0)),
                ("due", models.FloatField()),
                ("first_due", models.FloatField(default=0.0)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["due"], name="job_due"),
                    models.Index(fields=["first_due"], name="job_first_due"),
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("kind", "subject", "target"), name="job_unique")
                ],
            },
        ),
        migrations.CreateModel(
            name="PendingHistory",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("uid", models.CharField(max_length=128)),
                ("stream", models.CharField(max_length=64)),
                ("end_id", models.CharField(max_length=48)),
                ("delta", models.JSONField()),
                ("created_at", models.FloatField()),
                ("due", models.FloatField()),
            ],
            options={
                "verbose_name_plural": "pending histories",
                "indexes": [
                    models.Index(fields=["uid"], name="pending_uid"),
                    models.Index(fields=["due"], name="pending_due"),
                ],
            },
        ),
        migrations.CreateModel(
            name="Person",
            fields=[
                ("uid", models.CharField(max_length=128, primary_key=True, serialize=False)),
                ("name", models.CharField(blank=True, max_length=200, null=True)),
                ("picture", models.CharField(blank=True, max_length=1000, null=True)),
                ("genres", models.JSONField(blank=True, default=list)),
                (
                    "title_affinity_sums",
                    models.JSONField(
                        blank=True, default=dict, help_text="Genre → sum of what titles contributed."
                    ),
                ),
                (
                    "event_affinity_sums",
                    models.JSONField(
                        blank=True, default=dict, help_text="Genre → decayed sum of what events contributed."
                    ),
                ),
                ("event_affinity_at", models.BigIntegerField(default=0)),
                ("skipped", models.JSONField(blank=True, default=dict, help_text="Title → epoch seconds.")),
                (
                    "stream_positions",
                    models.JSONField(
                        blank=True, default=dict, help_text="Stream → id of the last entry applied."
                    ),
                ),
                ("finished", models.JSONField(blank=True, default=list)),
                ("blocked", models.JSONField(blank=True, default=list)),
                ("blocked_by", models.JSONField(blank=True, default=list)),
                ("pull_list", models.JSONField(blank=True, default=list)),
                ("preferences", models.JSONField(blank=True, default=dict)),
                ("following_count", models.PositiveIntegerField(default=0)),
                (
                    "reach",
                    models.CharField(
                        choices=[
                            ("push", "push"),
                            ("to_pull", "to_pull"),
                            ("pull", "pull"),
                            ("to_push", "to_push"),
                        ],
                        default="push",
                        max_length=8,
                    ),
                ),
                ("active_at", models.BigIntegerField(default=0)),
                ("choice_version", models.PositiveIntegerField(default=0)),
                ("version", models.PositiveIntegerField(default=0)),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "verbose_name_plural": "people",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("uid", ""), _negated=True), name="person_uid_not_empty"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reach__in", ("push", "to_pull", "pull", "to_push"))),
                        name="person_reach_valid",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TimelineRow",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "viewer",
                        "author",
                        "title",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("viewer", models.CharField(max_length=128)),
                ("author", models.CharField(max_length=128)),
                ("title", models.CharField(max_length=80)),
                ("at", models.BigIntegerField()),
                ("status", models.CharField(blank=True, max_length=16, null=True)),
                ("favorite", models.BooleanField(default=False)),
                ("rating", models.PositiveSmallIntegerField(blank=True, null=True)),
                ("author_name", models.CharField(blank=True, max_length=200, null=True)),
                ("author_picture", models.CharField(blank=True, max_length=1000, null=True)),
            ],
            options={
                "verbose_name_plural": "timeline rows",
                "indexes": [
                    models.Index(fields=["viewer", "-at"], name="timeline_viewer_at"),
                    models.Index(fields=["author"], name="timeline_author"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("rating__isnull", True),
                            models.Q(("rating__gte", 1), ("rating__lte", 5)),
                            _connector="OR",
                        ),
                        name="timeline_rating_valid",
                    )
                ],
            },
        ),
    ]
