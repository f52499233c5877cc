"""Whatever happens to a user, in any order: no token that a small model calls dead is accepted, no live one refused."""

from contextlib import ExitStack
from dataclasses import dataclass, field
from unittest import mock

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from accounts import administration, guessing, password_changes
from sitewatch import user_status
from sitewatch.audit import OPERATOR
from sitewatch.callers import Origin, Role
from tests.world import instance, people
from tests.world.aws import new_world
from tests.world.calling import call

SESSIONS = st.integers(0, 1)
PASSWORDS = st.sampled_from(["wonderland", "looking-glass"])
WRONG = st.integers(0, 5).map(lambda number: number == 5)
"""Whether a password is wrong: now and then."""


@dataclass
class Session:
    """A session: whether it goes on, all of its access tokens, and its refresh tokens, the newest last."""

    access: list[str]
    refresh: list[str]
    lives: bool = True


@dataclass
class User:
    """What the model knows of Alice."""

    password: str = "wonderland"
    role: Role = Role.USER
    disabled: bool = False
    deleted: bool = False
    sessions: list[Session] = field(default_factory=list)

    def end(self, *, keep: Session | None = None) -> None:
        for each in self.sessions:
            each.lives = each.lives and each is keep


class Sessions(RuleBasedStateMachine):
    """Alice, and an administrator who stays."""

    @initialize()
    def begin(self) -> None:
        self.world = ExitStack()
        self.world.enter_context(new_world())
        self.world.enter_context(instance.cheap_hashing())
        # Functions remember no status, so that every end is due at once.
        self.world.enter_context(mock.patch.object(user_status._cache, "_seconds", -1.0))
        instance.forget()
        people.sign_up("root")
        people.change("root", role=Role.ADMIN)
        self.id = people.sign_up()["id"]
        self.user = User()
        for _ in range(2):
            self.log_in(wrong=False)

    def teardown(self) -> None:
        for session in self.user.sessions:
            answer = people.refresh(session.refresh[-1])
            assert answer.status == (200 if session.lives else 401)
        instance.forget()
        self.world.close()

    def _session(self, number: int) -> Session | None:
        return self.user.sessions[-1 - number] if number < len(self.user.sessions) else None

    @rule(wrong=WRONG)
    def log_in(self, wrong: bool) -> None:
        password = "wrong" if wrong else self.user.password
        answer = call("POST", "/auth/login", form={"username": "Alice", "password": password})
        if self.user.deleted or self.user.disabled or wrong:
            assert answer.status in (401, 429)
        elif answer.status != 429:  # too many wrong ones before
            assert answer.status == 200
            self.user.sessions.append(Session([answer.json["access_token"]], [answer.json["refresh_token"]]))

    @rule(number=SESSIONS, twice=st.booleans())
    def refresh(self, number: int, twice: bool) -> None:
        session = self._session(number)
        if session is None:
            return
        answers = [people.refresh(session.refresh[-1]) for _ in range(1 + twice)]
        assert {answer.status for answer in answers} == {200 if session.lives else 401}
        if session.lives:
            assert len({answer.text for answer in answers}) == 1
            session.access.append(answers[0].json["access_token"])
            session.refresh.append(answers[0].json["refresh_token"])

    @rule(number=SESSIONS)
    def replay_an_old_refresh_token(self, number: int) -> None:
        session = self._session(number)
        if session is not None and len(session.refresh) >= 3:
            assert people.refresh(session.refresh[-3]).status == 401
            session.lives = False

    @rule(number=SESSIONS, everywhere=st.booleans())
    def log_out(self, number: int, everywhere: bool) -> None:
        session = self._session(number)
        if session is None:
            return
        answer = call("POST", "/auth/logout", body={"everywhere": everywhere}, token=session.access[-1])
        assert answer.status == (204 if session.lives else 401)
        if session.lives and everywhere:
            self.user.end()
        session.lives = False

    @rule(number=SESSIONS, wrong=WRONG, new=PASSWORDS)
    def change_the_password(self, number: int, wrong: bool, new: str) -> None:
        session = self._session(number)
        if session is None:
            return
        body = {"current_password": "wrong" if wrong else self.user.password, "new_password": new}
        answer = call("PUT", "/users/me/password", body=body, token=session.access[0])
        if session.lives and not wrong and answer.status != 429:
            assert answer.status == 204
            self.user.password = new
            self.user.end(keep=session)
        else:
            assert answer.status in (401, 429)

    @precondition(lambda self: not self.user.deleted)
    @rule(new=PASSWORDS, number=st.integers(0, 9))
    def reset_the_password(self, new: str, number: int) -> None:
        token, _ = password_changes.issue_reset(self.id, OPERATOR)
        # From an address of its own: wrong passwords from the usual one may have used up its guesses.
        with mock.patch.object(guessing, "check", lambda *arguments: arguments[2]()):
            password_changes.reset(token, new, Origin(None, f"192.0.2.{number}"))
        self.user.password = new
        self.user.end()

    @precondition(lambda self: not self.user.deleted)
    @rule(disabled=st.booleans())
    def disable_or_enable(self, disabled: bool) -> None:
        people.change(disabled=disabled)
        if disabled:
            self.user.end()
        self.user.disabled = disabled

    @precondition(lambda self: not self.user.deleted)
    @rule(role=st.sampled_from([Role.USER, Role.ADMIN]))
    def promote_or_demote(self, role: Role) -> None:
        people.change(role=role)
        self.user.role = role

    @precondition(lambda self: not self.user.deleted and len(self.user.sessions) > 3)
    @rule()
    def delete(self) -> None:
        administration.delete(self.id, OPERATOR)
        self.user.deleted = True
        self.user.end()

    @invariant()
    def every_access_token_is_as_good_as_its_session(self) -> None:
        for session in self.user.sessions[-3:]:
            for token in session.access[-3:]:
                assert call("GET", "/users/me", token=token).status == (200 if session.lives else 401)
                for_admins = 200 if self.user.role is Role.ADMIN else 403
                assert call("GET", "/api/tokens", token=token).status == (for_admins if session.lives else 401)


TestSessions = Sessions.TestCase
TestSessions.settings = settings(
    max_examples=20,
    stateful_step_count=10,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
    phases=[Phase.generate],  # to shrink a failure takes minutes
)
