# Copyright: (c) 2026, the tokensmith.access authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's side of every module: nothing secret is shown, and the plan is.

The modules' results carry secrets, so a result is hidden as soon as there is one in it, or as soon as it is not plainly
free of one (a module that was killed half-way through printing).
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ansible import constants as C
from ansible.errors import AnsibleActionFail
from ansible.utils.display import Display
from ansible_collections.tokensmith.access.plugins.plugin_utils.executing import ExecutingAction

if TYPE_CHECKING:
    from collections.abc import Iterator

display = Display()

#: What a module of this collection always returns, unless it broke.
_SIGNS_OF_LIFE = frozenset({"action", "msg", "tokens", "results", "settings"})
_ALLOW_DEBUG = "TOKENSMITH_ALLOW_DEBUG"
#: Where a task object keeps its options from one attempt to the next.
_KEPT_OPTIONS = "_tokensmith_options"
_OUR_GROUPS = "group/tokensmith.access."


class HidingAction(ExecutingAction):
    """Runs the module of the same name and hides what it must."""

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        # Another attempt of the same task (`until`) has another action plugin, and the same task object.
        options = getattr(self._task, _KEPT_OPTIONS, None) or self._task.args
        self._task.args = options
        setattr(self._task, _KEPT_OPTIONS, options)
        try:
            return self._run(tmp, task_vars)
        finally:
            # Callbacks get the task's options with every result, and with some strategies its title quotes them.
            self._task.args = {}

    def _run(self, tmp: str | None, task_vars: dict[str, Any] | None) -> dict[str, Any]:
        result: dict[str, Any] = super().run(tmp, task_vars)
        del tmp
        self._refuse_debug()
        self._refuse_task_environment()
        self._refuse_vanished_owner()
        if C.config.get_config_value("DEFAULT_KEEP_REMOTE_FILES"):
            display.warning(
                "ANSIBLE_KEEP_REMOTE_FILES leaves the module's files behind, with every option in them, secret ones too."
            )
        with self._silence():
            answer = self.execute(task_vars, {})
        result.update(self._presentable(answer))
        return result

    @contextmanager
    def _silence(self) -> Iterator[None]:
        """With -vvv, connection plugins print what a module prints, unless their play context, a copy, says not to."""
        contexts = [self._play_context, getattr(self._connection, "_play_context", None)]
        before = [(context, context.no_log) for context in contexts if context is not None]
        for context, _shown in before:
            context.no_log = True
        try:
            yield
        finally:
            for context, shown in reversed(before):
                context.no_log = shown

    def _parse_returned_data(self, res: dict[str, Any], *arguments: Any) -> Any:
        """Read a module's answer. What stands behind it Ansible shows in a warning, and it may be a piece of the answer."""
        lines = res.get("stdout", "").splitlines()
        end = next((number for number in range(len(lines), 0, -1) if lines[number - 1].rstrip().endswith("}")), None)
        if end is not None and any(line.strip() for line in lines[end:]):
            display.warning(
                f"The Python that ran {self._task.action} printed something behind the module's answer. It is not shown, "
                "because a secret may be in it."
            )
            res = {**res, "stdout": "\n".join(lines[:end])}
        return super()._parse_returned_data(res, *arguments)

    def _presentable(self, answer: dict[str, Any]) -> dict[str, Any]:
        """The module's answer without what must not be seen, marked as hidden if it holds a secret."""
        answer.pop("invocation", None)
        if "module_stdout" in answer or "module_stderr" in answer or not _SIGNS_OF_LIFE & answer.keys():
            return self._broken(answer)
        hidden = holds_secret(answer)
        if hidden and answer.get("failed"):
            # Up to 2.18, and with some callbacks later too, the reason would be hidden with the rest. It has no secret in it.
            display.error(str(answer.get("msg")), wrap_text=False)
        prepared = (answer.get("diff") or {}).get("prepared")
        # What is hidden is hidden with its diff, and in a loop callbacks look for diffs inside `results`: the plan, which
        # has no secret in it, would not be seen.
        if prepared and self._task.diff and (hidden or (self._task.loop and "results" in answer)):
            display.display(prepared)
        if hidden:
            # The second is what hides the sum of a loop on ansible-core 2.16 to 2.18.
            answer["_ansible_no_log"] = True
            self._task.no_log = True
            # From 2.19 on a list `results` is taken for that of a loop, whose items are hidden one by one or not at all.
            for item in answer.get("results") or ():
                item["_ansible_no_log"] = True
        return answer

    def _broken(self, answer: dict[str, Any]) -> dict[str, Any]:
        """A module that died says nothing that can be trusted to be free of secrets."""
        reason = f"exit status {answer['rc']}" if "rc" in answer else "no usable answer"
        kept: dict[str, Any] = {name: answer[name] for name in ("rc", "unreachable") if name in answer}
        return {
            "failed": True,
            "msg": f"The module {self._task.action} did not end properly ({reason}). Its output is not shown, because a "
            "secret may be in it. Run again: the next run sees what this one left behind. If it happens again, check "
            "the Python interpreter of the host that runs the module.",
            "_ansible_no_log": False,
            **kept,
        }

    def _refuse_debug(self) -> None:
        if C.config.get_config_value("DEFAULT_DEBUG") and not os.environ.get(_ALLOW_DEBUG):
            raise AnsibleActionFail(
                "ANSIBLE_DEBUG prints every option and every result, secret ones too, and nothing can hide them. Nothing was "
                f"done. Unset it, or set {_ALLOW_DEBUG}=1 to accept that."
            )

    def _refuse_task_environment(self) -> None:
        environments = self._task.environment or []
        for environment in environments if isinstance(environments, list) else [environments]:
            names = (
                [name for name in environment if str(name).startswith("TOKENSMITH_")]
                if isinstance(environment, dict)
                else []
            )
            if names:
                raise AnsibleActionFail(
                    f"environment: {', '.join(sorted(names))} is set by the task or play. Ansible prints a task's environment "
                    "and puts it into command lines. Give the option instead, or set the variable for ansible-playbook itself."
                )

    def _refuse_vanished_owner(self) -> None:
        """An owner that was written down and then omitted must not become the caller."""
        written = self._written()
        _refuse_vanished(written, self._task.args, "")
        if isinstance(written.get("defaults"), dict):
            _refuse_vanished(written["defaults"], self._task.args.get("defaults"), "defaults.")
        given = self._task.args.get("tokens")
        entries = given if isinstance(given, list) else []
        sources = written.get("tokens")
        for place, entry in enumerate(entries):
            source = sources[place] if isinstance(sources, list) and len(sources) == len(entries) else entry
            _refuse_vanished(source, entry, f"tokens[{place}].")

    def _written(self) -> dict[str, Any]:
        """The options as they are written down, in any of the ways to write a task, and in its module defaults."""
        names = {self._task.action, self._task.action.rpartition(".")[2], getattr(self._task, "resolved_action", None)}
        found: list[Any] = []
        for defaults in self._task.module_defaults or []:
            if isinstance(defaults, dict):
                ours = [key for key in defaults if key in names or str(key).startswith(_OUR_GROUPS)]
                found += [defaults[key] for key in ours]
        task = getattr(self._task, "_ds", None)
        if isinstance(task, dict):
            found += [task.get(key) for key in ("action", "local_action", "args", *sorted(filter(None, names)))]
        # A variable instead of options: what came of it is all there is to be seen.
        written = dict(self._task.args)
        for each in found:
            written |= each if isinstance(each, dict) else {}
        return written


def _refuse_vanished(written: Any, given: Any, place: str) -> None:
    """Refuse options whose owner was there when they were written and is empty now."""
    for name in ("owner", "owners"):
        if isinstance(written, dict) and name in written and (given or {}).get(name) is None:
            raise AnsibleActionFail(
                f"{place}{name}: it is there but came out empty (an omitted or undefined value?). Give an owner, or leave "
                f"{name} out for the caller's own tokens."
            )


def holds_secret(value: Any) -> bool:
    """Whether a `secret` with something in it is anywhere in a result."""
    if isinstance(value, dict):
        return any((name == "secret" and bool(item)) or holds_secret(item) for name, item in value.items())
    if isinstance(value, (list, tuple)):
        return any(holds_secret(item) for item in value)
    return False
