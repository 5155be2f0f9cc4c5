from p2m.teachers.temporal.resolve import resolve
