"""Accounts on the deployed system, where each function has its own role."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import jwt
import pytest

from runner.stack import Stack
from tests.integration.client import Client

pytestmark = pytest.mark.conformance


def test_a_user_signs_up_and_logs_in_every_way(anyone: Client) -> None:
    name = f"walker-{uuid.uuid4().hex[:8]}"
    credentials = {"username": name, "password": "walk the walk"}
    created = anyone.post("/auth/signup", json=credentials)
    assert (created.status_code, created.json()) == (201, {"username": name})

    by_form = anyone.post("/token", data={**credentials, "grant_type": "password", "scope": "", "client_id": ""})
    by_login_form = anyone.post("/auth/login", data=credentials)
    by_json = anyone.post("/login", json=credentials)
    for answer, field in ((by_form, "access_token"), (by_login_form, "access_token"), (by_json, "token")):
        assert answer.status_code == 200
        me = anyone.get("/users/me", headers={"Authorization": f"Bearer {answer.json()[field]}"})
        assert (me.status_code, me.json()["username"], me.json()["role"]) == (200, name, "user")


def test_eight_concurrent_sign_ups_for_one_name_in_any_case_make_one_user(anyone: Client) -> None:
    name = f"Twin-{uuid.uuid4().hex[:8]}"
    variants = [name, name.lower(), name.upper(), name.swapcase()] * 2
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda variant: anyone.post("/users", json={"username": variant, "password": "12345"}), variants)
        )
    assert sorted(answer.status_code for answer in answers) == [201] + [409] * 7
    assert {answer.json()["subcode"] for answer in answers if answer.status_code == 409} == {4004}


def test_sign_ups_repeated_with_one_idempotency_key_make_one_user(anyone: Client) -> None:
    headers = {"Idempotency-Key": uuid.uuid4().hex}
    body = {"username": f"again-{uuid.uuid4().hex[:8]}", "password": "12345"}
    first, second = (anyone.post("/users", json=body, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    other = anyone.post("/users", json={**body, "password": "123456"}, headers=headers)
    assert other.status_code == 400
    assert other.json()["detail"][0]["field"] == "Idempotency-Key"


def test_a_refresh_token_works_once_and_its_reuse_ends_the_session(anyone: Client) -> None:
    credentials = {"username": f"fresh-{uuid.uuid4().hex[:8]}", "password": "12345"}
    anyone.post("/auth/signup", json=credentials)
    first = anyone.post("/auth/login", data=credentials).json()["refresh_token"]
    second = anyone.post("/auth/refresh", json={"refresh_token": first}).json()
    # A lost response: the same pair again.
    assert anyone.post("/auth/refresh", json={"refresh_token": first}).json() == second
    third = anyone.post("/auth/refresh", json={"refresh_token": second["refresh_token"]}).json()

    stolen = anyone.post("/auth/refresh", json={"refresh_token": first})
    assert (stolen.status_code, stolen.json()["subcode"]) == (401, 4132)
    assert anyone.post("/auth/refresh", json={"refresh_token": third["refresh_token"]}).status_code == 401


def test_wrong_passwords_are_slowed_and_others_do_not_notice(anyone: Client, user: Client) -> None:
    with Client(str(anyone.base_url)) as victim, Client(str(anyone.base_url)) as bystander:
        victim.sign_up()
        guesses = [
            anyone.post("/auth/login", data={"username": victim.username, "password": "wrong"}) for _ in range(20)
        ]
        assert {guess.status_code for guess in guesses} == {401, 429}
        assert [guess.status_code for guess in guesses].count(401) <= 10
        assert guesses[-1].json()["subcode"] == 4290
        assert int(guesses[-1].headers["Retry-After"]) > 0
        assert victim.get("/users/me").status_code == user.get("/users/me").status_code == 200
        bystander.sign_up()


def test_users_are_listed_oldest_first_page_by_page(admin: Client, user: Client, deployment: Stack) -> None:
    with Client(deployment.base_url) as younger:
        younger.sign_up()
    first_pages = [page["users"] for page in islice(user.pages("/users", limit=2), 2)]
    listed = [each["id"] for users in first_pages for each in users]
    assert listed == sorted(listed)
    assert {len(users) for users in first_pages} == {2}
    after = [each["username"] for page in user.pages("/users", start=user.user_id) for each in page["users"]]
    assert user.username not in after
    assert younger.username in after
    # An older client sends its parameters as the body of its GET.
    assert len(admin.request("GET", "/users", json={"limit": 1}).json()["users"]) == 1


def test_an_api_token_is_issued_listed_used_and_revoked(admin: Client, user: Client, deployment: Stack) -> None:
    assert user.post("/api/tokens", json={"name": "gate"}).status_code == 403
    issued = admin.post("/api/tokens", json={"name": "gate", "expires_in_days": 1})
    assert issued.status_code == 201
    token_id = issued.json()["id"]
    listed = [token for page in admin.pages("/api/tokens", limit=50) for token in page["tokens"]]
    assert "gate" in {token["name"] for token in listed if token["id"] == token_id}
    assert issued.json()["api_token"] not in str(listed)

    with Client(deployment.base_url) as machine:
        machine.carry(issued.json()["api_token"])
        assert machine.get("/api/ready").json() == {"status": "ready"}
        assert machine.get("/users").status_code == 403
        assert admin.delete(f"/api/tokens/{token_id}").status_code == 204
        assert admin.delete(f"/api/tokens/{token_id}").status_code == 404
        # Another function, because one that has seen the token may accept it for another minute.
        refusal = machine.post("/api/event", json={})
        assert (refusal.status_code, refusal.json()["msg"]) == (401, "Token has been revoked")


def test_the_published_keys_verify_a_token(anyone: Client, deployment: Stack) -> None:
    username, password = deployment.admin
    token = anyone.post("/token", data={"username": username, "password": password}).json()["access_token"]
    keys = jwt.PyJWKSet.from_dict(anyone.get("/.well-known/jwks.json").json())
    claims = jwt.decode(token, keys.keys[0], algorithms=["EdDSA"], audience="sitewatch", issuer=deployment.stack_name)
    assert claims["username"] == username


def test_a_session_ends_with_its_logout_and_all_of_them_everywhere(user: Client, anyone: Client) -> None:
    credentials = {"username": user.username, "password": "secret"}
    here, there = (anyone.post("/auth/login", data=credentials).json() for _ in range(2))

    def post(path: str, pair: dict[str, str], body: dict[str, bool]) -> int:
        return anyone.post(path, json=body, headers={"Authorization": f"Bearer {pair['access_token']}"}).status_code

    assert post("/auth/logout", here, {}) == 204
    assert post("/auth/logout", here, {}) == 401
    assert anyone.post("/auth/refresh", json={"refresh_token": here["refresh_token"]}).status_code == 401
    assert post("/auth/logout", there, {"everywhere": True}) == 204
    assert anyone.post("/auth/refresh", json={"refresh_token": there["refresh_token"]}).status_code == 401
    assert user.post("/auth/logout", json={}).status_code == 401


def test_a_password_is_changed_and_reset(admin: Client, user: Client, anyone: Client) -> None:
    changed = {"current_password": "secret", "new_password": "secret too"}
    wrong = user.put("/users/me/password", json={**changed, "current_password": "wrong"})
    assert (wrong.status_code, wrong.json()["subcode"]) == (401, 4131)
    assert user.put("/users/me/password", json=changed).status_code == 204
    assert user.put("/users/me/password", json={**changed, "current_password": "secret too"}).status_code == 204

    assert user.post(f"/users/{user.user_id}/password-reset").status_code == 403
    issued = admin.post(f"/users/{user.user_id}/password-reset")
    assert issued.status_code == 201
    reset = {"reset_token": issued.json()["reset_token"], "new_password": "secret again"}
    assert [anyone.post("/auth/reset-password", json=reset).status_code for _ in range(2)] == [204, 401]
    user.log_in(user.username, "secret again")


def test_an_admin_changes_disables_and_deletes_a_user_and_the_log_tells(admin: Client, user: Client) -> None:
    path = f"/users/{user.user_id}"
    assert admin.patch(path, json={"role": "admin"}).json()["role"] == "admin"
    assert user.get("/api/tokens").status_code == 200
    assert user.patch(path, json={"role": "user"}).json()["role"] == "user"
    assert user.get("/api/tokens").status_code == 403
    assert admin.patch(path, json={"disabled": True}).json()["disabled"] is True
    assert user.get("/api/tokens").status_code == 401
    assert admin.delete(path).status_code == 204
    assert admin.delete(path).status_code == 404
    entries = [entry for page in admin.pages("/audit", subject=user.user_id, limit=2) for entry in page["entries"]]
    assert [entry["action"] for entry in entries] == [
        "user.deleted",
        "user.changed",
        "user.changed",
        "user.changed",
        "login.succeeded",
        "user.created",
    ]
    assert [entry["actor"] for entry in entries[:3]] == [admin.user_id, admin.user_id, user.user_id]
    deleted = admin.get("/audit", params={"subject": user.user_id, "action": "user.deleted"}).json()["entries"]
    assert deleted == entries[:1]
    assert user.get("/audit").status_code == 401


def test_an_api_token_sends_only_what_its_scopes_and_its_source_allow(admin: Client, deployment: Stack) -> None:
    asked = {"name": "gate", "expires_in_days": 1, "scopes": ["detections"], "source": "gate"}
    issued = admin.post("/api/tokens", json=asked).json()
    assert (issued["scopes"], issued["source"]) == (["detections"], "gate")
    vehicle = {"year": 2021, "make": "Acura", "model": "MDX", "category": "SUV"}
    with Client(deployment.base_url) as machine:
        machine.carry(issued["api_token"])
        assert machine.post("/detections", json=vehicle).status_code == 202
        assert machine.post("/detections", json={**vehicle, "source": "yard"}).status_code == 403
        assert machine.post("/api/event", json={"event_type": "a", "event_payload": "b"}).status_code == 403
    [listed] = [each for page in admin.pages("/api/tokens") for each in page["tokens"] if each["id"] == issued["id"]]
    assert listed["last_used_at"] is not None
    admin.delete(f"/api/tokens/{issued['id']}")
