from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("feed", "0002_schedule")]

    operations = [
        migrations.AlterModelOptions(
            name="indexbuild",
            options={
                "ordering": ["-pk"],
                "permissions": [("view_plan", "Can view what is planned for a viewer")],
            },
        ),
    ]
