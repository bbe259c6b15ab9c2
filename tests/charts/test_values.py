"""Values that are wrong are refused before anything is installed, with words that name them."""

import pytest
from factories.chart import helm

pytestmark = [pytest.mark.cluster, pytest.mark.usefixtures("_helm")]


def refusal(*sets: str, values: str = "values-production.yaml") -> str:
    arguments = [part for each in sets for part in ("--set-json", each)]
    done = helm("template", "parlor", ".", "-f", values, *arguments)
    assert done.returncode != 0, "it was accepted"
    return done.stderr


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ("replicas=3", "replicas"),
        ("services.gaming={}", "gaming"),
        ("services.chat.api.replica=3", "replica"),
        ("services.chat.api.replicas=0", "replicas"),
        ('services.chat.bots={"replicas": 1}', "bots"),
        ("services.game.bots.replicas=0", "replicas"),
        ('services.chat.api.replicas="3"', "replicas"),
        ('services.chat.settings={"SIDECAR_PORT": "1"}', "SIDECAR_PORT"),
        ('services.chat.settings={"lower": "1"}', "lower"),
        ('services.chat.sidecar.settings={"PARLOR_ISSUER": "x"}', "PARLOR_ISSUER"),
        ("serviceDefaults.api.resources.requests=null", "requests"),
        ("serviceDefaults.worker.resources.requests.memory=null", "memory"),
        ("networkPolicy.ingress=[]", "ingress"),
        ("networkPolicy.dns=[]", "dns"),
        ("networkPolicy.apiServer=[]", "apiServer"),
        ('images.chat="parlor-chat"', "chat"),
        ('kafka.securityProtocol="TLS"', "securityProtocol"),
        ('kafka.saslMechanism="GSSAPI"', "saslMechanism"),
        ('kafka.bootstrap="kafka"', "bootstrap"),
        ("kafka.replication=0", "replication"),
        ('kafka.topics="auto"', "topics"),
        ('ingress.host="Parlor.example.com"', "host"),
        ('ingress.paths=["/internal"]', "paths"),
        ('networkPolicy.ingress=[{"everybody": true}]', "everybody"),
        ("networkPolicy.database=[{}]", "database"),
        ('operator.namespaces=["Tenants"]', "namespaces"),
        ("operator.replicas=2", "replicas"),
        ('jobs.archiveExpiry.schedule="daily"', "schedule"),
        ('serviceAccountIssuer.jwksUrl="http://issuer/keys"', "jwksUrl"),
        ("devPostgresql.runAsUser=0", "runAsUser"),
        ('logLevel="TRACE"', "logLevel"),
    ],
)
def test_a_wrong_value_is_refused_by_name(wrong: str, named: str) -> None:
    assert named in refusal(wrong)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ('kafka.bootstrap=""', "kafka.bootstrap is needed"),
        ('kafka.secretName=""', "kafka.secretName is needed"),
        ("networkPolicy.database=[]", "networkPolicy.database is needed"),
        ("networkPolicy.kafka=[]", "networkPolicy.kafka is needed"),
        ("networkPolicy.metrics=[]", "networkPolicy.metrics is needed"),
        ("operator.namespaces=[]", "operator.namespaces is needed"),
        ('kafka.strimzi.cluster=""', "kafka.strimzi.cluster is needed"),
    ],
)
def test_what_production_needs_is_asked_for_in_one_line(missing: str, words: str) -> None:
    assert words in refusal(missing)


def test_the_defaults_alone_ask_for_what_is_not_theirs_to_know() -> None:
    assert "is needed" in refusal(values="values.yaml")
