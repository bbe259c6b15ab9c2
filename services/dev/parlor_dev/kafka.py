"""Apache Kafka as one KRaft node on the local Java, from the jars of `kafka_jars`.

Called by `stack` and `backing`. Ports may differ at every start over the same data: they are in
the settings, not in the data. The short broker session makes a start after a crash take 3 s
instead of 11: the controller refuses a second registration until the first one's session ends.
"""

import asyncio
import base64
import contextlib
import os
import shutil
import uuid
from pathlib import Path

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from parlor_kit import topics
from parlor_kit.kafka import Brokers

from parlor_dev import checkout, java, kafka_jars
from parlor_dev.ports import HOST
from parlor_dev.problems import Problem
from parlor_dev.processes import Command, ManagedProcess, ProcessFailed, Report, silent

_JVM = (
    "-Xmx256m",
    "-Xms64m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=info",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
)
_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@{host}:{controller_port}
listeners=PLAINTEXT://{host}:{port},CONTROLLER://{host}:{controller_port}
advertised.listeners=PLAINTEXT://{host}:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
auto.create.topics.enable=false
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
"""


class KafkaBroker:
    """One broker on ports that stay the same over `stop` and `start`."""

    def __init__(
        self,
        folder: Path,
        *,
        port: int,
        controller_port: int,
        log: Path,
        pid_file: Path,
        report: Report = silent,
    ) -> None:
        self.port = port
        self.bootstrap = f"{HOST}:{port}"
        self._folder = folder
        self._controller_port = controller_port
        self._log = log
        self._pid_file = pid_file
        self._report = report
        self._process: ManagedProcess | None = None

    @property
    def process(self) -> ManagedProcess:
        if self._process is None:
            raise Problem("Kafka was not started")
        return self._process

    async def start(self) -> None:
        """Start it, formatting the data folder at the first time."""
        if self._process is None:
            self._process = await self._prepare()
        await self._process.start()

    async def stop(self, *, harsh: bool = False) -> None:
        if self._process is not None:
            await self._process.stop(harsh=harsh)

    async def _prepare(self) -> ManagedProcess:
        jars = await kafka_jars.ensure_jars(self._report)
        program = str(await java.find_java())
        data = self._folder / "data"
        settings = self._folder / "server.properties"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.write_text(
            _PROPERTIES.format(
                host=HOST, port=self.port, controller_port=self._controller_port, data=data
            )
        )
        environment = {"PATH": os.defpath, "CLASSPATH": f"{jars}/*", "TZ": "UTC"}
        base = (program, *_JVM)
        if not (data / "meta.properties").exists():
            # Formatting goes file by file: what an interrupted one left must not look whole.
            shutil.rmtree(data, ignore_errors=True)
            identity = base64.urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()
            tool = (*base, "kafka.tools.StorageTool", "format", f"--cluster-id={identity}")
            await ManagedProcess(
                "kafka-format",
                Command(argv=(*tool, "-c", str(settings)), env=environment),
                log=self._log,
                pid_file=self._pid_file.with_name("kafka-format.json"),
            ).run_to_end(60)
        return ManagedProcess(
            "kafka",
            Command(
                argv=(*base, "kafka.Kafka", str(settings)),
                env=environment,
                stop_seconds=20.0,
                death_signal=15,
            ),
            log=self._log,
            pid_file=self._pid_file,
            ready=self._answers,
            ready_seconds=90.0,
            report=self._report,
        )

    async def make_topics(self) -> int:
        """Make the topics of kafka/topics.yaml; how many there are."""
        wanted = topics.read_topics(checkout.kafka_folder() / "topics.yaml")
        try:
            await topics.ensure_topics(Brokers(self.bootstrap), wanted)
        except topics.TopicsRefused as refusal:
            raise ProcessFailed(str(refusal)) from refusal
        return len(wanted)

    async def _answers(self) -> bool:
        """Whether it accepts, and answers what every client asks first."""
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection(HOST, self.port)
            writer.close()
            await writer.wait_closed()
            return await self._knows_itself()
        return False

    async def _knows_itself(self) -> bool:
        client = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap, request_timeout_ms=3000)
        try:
            await client.start()
            described = await client.describe_cluster()
        except (KafkaError, OSError, TimeoutError):
            return False
        finally:
            with contextlib.suppress(KafkaError, OSError):
                await client.close()
        return bool(described["brokers"])
