"""The engine of a Ray cluster: actors measure on its nodes what is dealt to them, the one writer stays in this process.

An actor is what a child is to the engine `processes`: it runs the same engine, says the same frames and hears the same
words. Trials are not shared out beforehand but dealt bit by bit, in the drawn order, to whoever asks: a fast node takes
more of them, and what a lost one had and did not finish is dealt again. The limits are shared by those that measure at
the time. Keys never pass here: an actor finds them in the environment of its own node.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from itertools import islice
from typing import Any

from harness.measure.endpoint.transports import logs, write_down
from harness.measure.engine import processes as said
from harness.measure.engine.cluster import Node, UsageError, audits, connected, first_line, new_node, weighed
from harness.measure.plan import Plan, Record

_TOGETHER_S = 10.0  # that the first nodes wait for the others, so that their shares of the limits need not change
_PATIENCE_S = 120.0  # for the first node: a cluster may have to start one
_LOOK_S = 0.2
_WEIGH_S = 10.0
_CLOCK_NS = 1_000_000_000  # that a node's time of day may differ without a word


def run_ray(
    work: said.Work, plan: Plan, sink: said.RecordSink, *, actors: int | None, on_this_machine: int
) -> said.EngineOutcome:
    """Measure all of the work on a cluster, by so many actors; else by one on each node, or as many as help here."""
    try:
        with connected(work.bundle.project.engine.address, actors or on_this_machine) as ray:
            nodes = sum(bool(node["Alive"]) for node in ray.nodes())
            return asyncio.run(_Driver(ray, work, plan, sink).run(actors or max(nodes, on_this_machine)))
    except UsageError as error:
        return said.EngineOutcome(load=said.Load(), error=error)


class _Driver(said.Parent):
    """Starts the actors, deals trials to them, writes what they send."""

    def __init__(
        self,
        ray: Any,  # noqa: ANN401 (its module)
        work: said.Work,
        plan: Plan,
        sink: said.RecordSink,
    ) -> None:
        super().__init__(work, sink)
        self._ray, self._work, self._plan = ray, work, plan
        self._done = bytearray(work.done)  # or dealt
        self._again: deque[int] = deque()  # what lost nodes had
        self._drawn: dict[tuple[int, ...], Iterator[int]] = {}  # what is left for the candidates of a lane
        self._opened: set[int] = set()
        self._nodes: list[Node] = []
        self._joined: list[Node] = []
        self._leads: Node | None = None
        self._over = False
        self._together, self._news = asyncio.Event(), asyncio.Event()
        self._until = 0.0
        self._cut_off = self._workers_lost = self._dealt_again = 0
        self._told: list[str] = []

    async def run(self, actors: int) -> said.EngineOutcome:
        """Measure by so many actors."""
        loop = asyncio.get_running_loop()
        self._until = loop.time() + _PATIENCE_S
        shared = self._ray.put(replace(self._work, dealt=True, shards=actors, debug=logs()))
        self._nodes = [new_node(self._ray, number) for number in range(actors)]
        loop.call_later(_TOGETHER_S, self._together.set)
        weighing = asyncio.create_task(self._weigh())
        with said.signals_stop(self.interrupt):
            try:
                await asyncio.gather(*(self._serve(node, shared) for node in self._nodes))
            finally:
                weighing.cancel()
                for node in self._nodes:
                    self._kill(node)
        return said.EngineOutcome(
            load=said.summed([load for node in self._joined for load in node.loads]),
            error=self.error,
            cut_off=self._cut_off,
            processes=max(1, len({node.number for node in self._joined})),
            nodes=audits(self._joined),
            told=tuple(self._told),
            workers_lost=self._workers_lost,
            dealt_again=self._dealt_again,
        )

    async def _serve(self, node: Node, work: object) -> None:
        """Let a node measure for as long as there is something for it."""
        from ray.exceptions import RayError, RayTaskError

        try:
            while await self._join(node):
                await node.begin(work)
                self._welcome(node)
                await self._follow(node)
                if not await self._wait_for_more(node):
                    return
                node = self._renewed(node)
        except RayTaskError as error:
            self._lose(node)
            self.stop(said.RunIncomplete(f"{node} failed: {first_line(error)}"))
        except RayError as error:
            self._lost(node, first_line(error))

    async def _join(self, node: Node) -> bool:
        """Wait until an actor has started; False where it is not needed any more."""
        hello = asyncio.ensure_future(_answer(node.actor.hello.remote()))
        while not hello.done():
            if self.error is not None or self._over:
                return False
            if not self._joined and asyncio.get_running_loop().time() > self._until:
                self.stop(said.RunIncomplete(f"No node of the cluster had a CPU free for {_PATIENCE_S:.0f} s."))
            await asyncio.wait({hello}, timeout=_LOOK_S)
        node.name, _, there = hello.result()
        here = version("prompt-readiness")
        asked = time.time_ns()
        _, its_time, _ = await node.actor.hello.remote()
        node.clock_ns = its_time - (asked + time.time_ns()) // 2
        if there != here:
            self.stop(
                UsageError(
                    f"The node {node.name} has version {there} of the harness, this machine {here}.",
                    fix="Install the same version on every node.",
                )
            )
        if abs(node.clock_ns) > _CLOCK_NS:
            self._told.append(f"the clock of node {node.name} is {node.clock_ns / 1e9:+.1f} s off; durations are not")
        self._joined.append(node)
        if len(self._joined) == len(self._nodes):
            self._together.set()
        await self._together.wait()
        return self.error is None

    def _welcome(self, node: Node) -> None:
        """Tell one that begins what the others know."""
        self.join(node)
        for place in self._opened:
            node.tell(said.Word.OPENED(place))
        for name in self.ended:
            node.tell(said.Word.REFUSED(self.places[name]))
        self._share()

    def _share(self) -> None:
        """Share the limits equally among those that measure; one finds out whether candidates are answered."""
        running = [node for node in self._joined if node.running]
        if running and self._leads not in running:
            self._leads = running[0]
            self._leads.tell(said.Word.LEAD())
        if sharing := self._sharing():
            self._tell_shares(sharing, [1 / len(sharing)] * len(sharing))

    def _sharing(self) -> list[Node]:
        """Give those that measure or are about to: the first to begin must not take what is the others'."""
        return [node for node in self._joined if not node.left]

    def _tell_shares(self, sharing: list[Node], parts: list[float]) -> None:
        machines = self._work.machines
        for node, part in zip(sharing, parts, strict=True):
            node.part, node.ended = part, 0
            whole = max(1, int(part * said.WHOLE / machines))
            node.tell(said.Word.SHARE(len(sharing) * machines * (said.WHOLE + 1) + whole))

    async def _weigh(self) -> None:
        """Give what slow nodes leave of the rates to the others, again and again."""
        while True:
            await asyncio.sleep(_WEIGH_S)
            sharing = self._sharing()
            parts = [node.part for node in sharing]
            if (moved := weighed(parts, [node.ended for node in sharing])) != parts:
                self._tell_shares(sharing, moved)

    async def _follow(self, node: Node) -> None:
        """Take what a node says until it has ended."""
        frames, taken = said.FrameReader(), 0
        while True:
            for frame in frames.feed(await node.frames()):
                if isinstance(frame, said.Ended):
                    node.loads.append(frame.load)
                    self._cut_off += frame.cut_off
                    if (error := said.error_of(frame)) is not None:
                        self.stop(error)
                    return
                if isinstance(frame, said.Wanted):
                    self._deal(node, frame)
                elif isinstance(frame, said.Logged):
                    write_down(frame.text)
                else:
                    taken += self.take(frame, node)
                    self._mark(frame, node)
            await self.written(node, taken)

    def _mark(self, frame: said.Event | said.Opened, node: Node) -> None:
        if isinstance(frame, Record) and not frame.warmup:
            node.has.discard(self._plan.code_of(frame) or 0)
            node.ended += 1
        elif isinstance(frame, said.Pace):
            node.most[frame.endpoint] = max(frame.most, node.most.get(frame.endpoint, 0))
        elif isinstance(frame, said.Opened):
            self._opened.add(frame.candidate)

    def end(self, candidate: str, member: said.Member | None = None) -> None:
        """Deal no more of a candidate."""
        self._plan.end(self._done, candidate)
        super().end(candidate, member)

    def _deal(self, node: Node, wanted: said.Wanted) -> None:
        """Give what lost nodes had, then the next that were drawn."""
        names = {name for name, place in self.places.items() if place in wanted.candidates}
        drawn = self._drawn.setdefault(wanted.candidates, self._plan.codes(self._done, names))
        again = [code for code in self._again if self._plan.candidate_of(code) in wanted.candidates][: wanted.count]
        for code in again:
            self._again.remove(code)
        dealt = [*again, *islice(drawn, wanted.count - len(again))]
        for code in dealt:
            self._done[code] = 1
            node.has.add(code)
            node.tell(said.Word.DEALT(code))
        if len(dealt) < wanted.count:
            node.tell(said.Word.DEALT_OUT(wanted.candidates[0]))

    def tell_all_to_stop(self) -> None:
        """Stop those that measure, and wait for nobody else."""
        super().tell_all_to_stop()
        self._together.set()
        self._tell_news()

    def _renewed(self, node: Node) -> Node:
        """Put a fresh actor in the place of one that has ended."""
        self._kill(node)
        fresh = new_node(self._ray, node.number, warm=True)
        self._nodes[self._nodes.index(node)] = fresh
        return fresh

    async def _wait_for_more(self, node: Node) -> bool:
        """Wait until a lost node leaves something to do; False when all is done."""
        self._leave(node)
        while not self._again and any(each.running for each in self._joined) and self.error is None:
            await self._news.wait()
        self._over = self._over or not self._again
        self._tell_news()
        return not self._over and self.error is None

    def _leave(self, node: Node) -> None:
        node.running, node.left = False, True
        with suppress(ValueError):
            self.members.remove(node)
        self._share()
        self._tell_news()

    def _lost(self, node: Node, why: str) -> None:
        """Give what it had to the others; what it may have had in flight may be paid twice."""
        over = {self.places[name] for name in self.ended}
        left = [code for code in node.has if self._plan.candidate_of(code) not in over]
        in_flight = min(len(left), sum(node.most.values()))
        self._again.extend(sorted(left))
        self._cut_off += in_flight
        self._workers_lost += 1
        self._dealt_again += len(left)
        self._told.append(
            f"{node} was lost ({why}): {len(left)} trials went to others; "
            f"at most {in_flight} calls were in flight, and may be paid twice"
        )
        node.has.clear()
        self._lose(node)

    def _lose(self, node: Node) -> None:
        self._kill(node)
        self._nodes.remove(node)
        self._leave(node)
        if not self._nodes:
            self.stop(said.RunIncomplete("All nodes of the cluster were lost."))

    def _kill(self, node: Node) -> None:
        with suppress(Exception):  # it is gone, or the cluster is
            self._ray.kill(node.actor)

    def _tell_news(self) -> None:
        self._news.set()
        self._news.clear()


async def _answer(reference: Any) -> Any:  # noqa: ANN401 (what an actor gives)
    return await reference
