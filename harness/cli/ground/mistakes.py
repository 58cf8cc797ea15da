"""Typer's complaint of a command line -> what is wrong, with which option, what is valid, what was meant."""

import re
from typing import Any

import typer
from typer.core import TyperGroup

from harness.errors import UsageError

# All that typer says of a command line: its own copy of click, or click itself in older versions of it.
COMPLAINT: type[Exception] = typer.BadParameter.__mro__[2]


class Commands(TyperGroup):
    """Commands of which the nearest is named when there is none of that name."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - typer's own types are private
        """Find the command that is meant. Raises UsageError."""
        name = args[0]
        if not name.startswith("-") and self.get_command(ctx, name) is None:
            from harness.files.written import nearest, shown

            near = nearest(name, self.list_commands(ctx))
            fix = f"Did you mean `{near}`?" if near else f"`{ctx.command_path} -h` lists the commands."
            raise UsageError(f"there is no command `{ctx.command_path} {shown(name)}`.", fix=fix)
        return super().resolve_command(ctx, args)


def told(complaint: Any) -> UsageError | None:  # noqa: ANN401 - see above
    """Say it in our words; None when only the help was wanted, which is shown here."""
    if type(complaint).__name__ == "NoArgsIsHelpError":
        complaint.show()
        return None
    context, param = getattr(complaint, "ctx", None), getattr(complaint, "param", None)
    command = "harness" if context is None else context.command_path
    if context is not None and hasattr(complaint, "possibilities"):
        from harness.files.written import nearest, shown

        params = context.command.get_params(context)
        known = [option for param in params for option in param.opts if option.startswith("--")]
        near = nearest(complaint.option_name, known) if complaint.option_name.startswith("--") else None
        fix = f"Did you mean `{near}`?" if near else f"`{command} -h` lists its options."
        return UsageError(f"`{command}` has no option `{shown(complaint.option_name)}`.", fix=fix)
    if param is None:
        fix = f"Write `{_usage(command, context)}`; `{command} -h` says more." if context else ""
        return UsageError(_in_short(command, complaint), fix=fix)
    name = max(param.opts, key=len) if param.param_type_name == "option" else _metavar(param)
    valid = _valid(param, complaint.message)
    if hasattr(complaint, "param_type"):  # it is missing
        about = valid.removeprefix("must be ") or f"{param.help[0].lower()}{param.help[1:]}"
        return UsageError(f"`{command}` needs {name}: {about}", fix=f"Write `{_usage(command, context)}`.")
    return _bad_value(name, complaint, valid, _choices(param))


def _in_short(command: str, complaint: Any) -> str:  # noqa: ANN401
    """Say what is wrong with none of the options' values."""
    message = str(complaint.format_message())
    extra = re.fullmatch(r"Got unexpected extra arguments?(?:\(s\))? \((.*)\)", message)
    if extra is not None:
        return f"`{command}` does not take `{extra[1]}` as well."
    if name := getattr(complaint, "option_name", ""):
        return f"{name} needs a value." if "requires" in message else f"{name} takes no value."
    return f"{message.rstrip('.')}."


def _bad_value(name: str, complaint: Any, valid: str, choices: list[str]) -> UsageError:  # noqa: ANN401
    from harness.files.written import nearest, shown

    written = _written(complaint)
    near = nearest(written, choices)
    said = f"{name} {shown(written)}".rstrip()
    return UsageError(f"{said}: {valid or complaint.message}", fix=f"Did you mean `{near}`?" if near else "")


def _written(complaint: Any) -> str:  # noqa: ANN401
    """Give the value that was refused, where typer's cause knows it."""
    errors = getattr(complaint.__cause__, "errors", None)
    return str(errors()[0].get("input", "")) if callable(errors) else ""


def _valid(param: Any, message: str) -> str:  # noqa: ANN401
    """Say which values an option takes; empty where typer's own words do."""
    from harness.files.written import shortlist

    if choices := _choices(param):
        return f"must be one of {shortlist(choices)}."
    about = getattr(_type(param), "parameter_info", _type(param))
    low, high = getattr(about, "min", None), getattr(about, "max", None)
    if low is None and "integer" not in message:
        return ""
    if high is not None:
        return f"must be a whole number from {low:,} to {high:,}."
    return "must be a whole number." if low is None else f"must be a whole number, {low:,} or more."


def _choices(param: Any) -> list[str]:  # noqa: ANN401
    return [str(getattr(choice, "value", choice)) for choice in getattr(_type(param), "choices", None) or ()]


def _type(param: Any) -> Any:  # noqa: ANN401
    return getattr(param, "type_descriptor", getattr(param, "type", None))


def _metavar(param: Any) -> str:  # noqa: ANN401
    return str(param.metavar or "|".join(_choices(param)) or param.name.upper())


def _usage(command: str, context: Any) -> str:  # noqa: ANN401
    """Write a command with its arguments and the options that it needs."""
    words = [command]
    for param in context.command.params:
        if param.param_type_name == "argument":
            words.append(_metavar(param) if param.required else f"[{_metavar(param)}]")
        elif param.required:
            words.append(f"{param.opts[0]} {_metavar(param)}")
    return " ".join(words)
