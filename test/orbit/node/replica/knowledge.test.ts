/**
 * What a node finds out for itself: blocks from peers over real connections, what is in them, each
 * result judged once.
 */
import { afterEach, expect, setDefaultTimeout, test } from 'bun:test'
import { CID } from 'multiformats/cid'
import { cpuEngine } from '../../../../kernels/cpu.ts'
import { summarize } from '../../../../kernels/result.ts'
import type { OrbitNode } from '../../../../orbit/node/orbit-node.ts'
import { FactFinder } from '../../../../orbit/node/replica/knowledge.ts'
import { judge, requestFor } from '../../../../orbit/rules/answer/judge.ts'
import { blockOf, MAX_BLOCK_BYTES, resultOf, type SignedResult } from '../../../../orbit/rules/answer/results.ts'
import { rawCid } from '../../../../orbit/rules/base/cid.ts'
import { sign } from '../../../../orbit/rules/base/statement.ts'
import type { ResultsBody } from '../../../../orbit/rules/message/bodies.ts'
import { dealtUnitKey } from '../../../../orbit/rules/message/unit.ts'
import { randomnessOf } from '../../../../orbit/rules/network/beacon.ts'
import { beaconAt, Party } from '../../rules/party.ts'
import { realEvidence, realLeaves, SMALL } from '../../rules/real-work.ts'
import { Lab, until } from '../nodes.ts'

setDefaultTimeout(1_200_000)

const lab = new Lab()
afterEach(() => lab.dispose())

const { signal } = new AbortController()

function findingOut(party: Party, node: OrbitNode) {
  let learned = 0
  const facts = new FactFinder({
    ...{ genesis: party.genesis, node, signal, learned: () => void learned++ },
    openEngine: () => cpuEngine(party.genesis.partition, 1),
  })
  /** Until nothing more is wanted that can be had. */
  const learnAll = async () => {
    for (let isMore = true; isMore; ) {
      const before = learned
      const isJudged = await facts.learn(party.state(facts))
      await facts.idle()
      isMore = isJudged || learned > before
    }
  }
  return { facts, learnAll, learned: () => learned }
}

/** A node that has the blocks of a party, and one that is connected to it and has none. */
async function pair(party: Party): Promise<{ giver: OrbitNode; asker: OrbitNode }> {
  const giver = await lab.node()
  const asker = await lab.node({ peers: giver.addresses() })
  await until(() => asker.peers().length > 0, 'a connection')
  for (const block of party.blocks.values()) await giver.blocks.put(block, 'raw')
  return { giver, asker }
}

const SEED = randomnessOf(beaconAt(6))

/** All three have done units of theirs, and shown it. */
function answered(units: number) {
  const party = new Party({ accounts: 3, partition: SMALL })
  const { genesis } = party
  const assignments = party.deal(2, units)
  for (const assignment of assignments) {
    const unit = { partition: genesis.partition, window: assignment.window, index: assignment.unit }
    const computed = summarize([...realLeaves(unit)])
    for (const node of assignment.quorum) {
      const evidence = realEvidence(unit, requestFor(genesis, assignment, node, SEED))
      const { leaves, ...result } = resultOf(genesis, assignment, { ...computed, evidence })
      party.blocks.set(rawCid(leaves).toString(), leaves)
      party.show(node, [result], 7)
    }
  }
  return { party, assignments }
}

test('blocks and leaves come from a peer, and each result is judged as arithmetic judges it', async () => {
  const { party, assignments } = answered(2)
  const { asker } = await pair(party)
  const { facts, learnAll, learned } = findingOut(party, asker)
  expect(party.state(facts).wants.blocks).toHaveLength(6)
  await learnAll()
  // Six of results, and of leaves one for each unit.
  expect(learned()).toBe(8)
  const { wants, answers } = party.state(facts)
  expect([wants.blocks, wants.leaves, wants.judgements]).toEqual([[], [], []])
  for (const assignment of assignments) {
    const { results } = answers.units.get(dealtUnitKey(assignment))!
    expect(results.size).toBe(3)
    for (const result of [...results.values()].flat()) {
      const records = party.blocks.get(result.item.leaves)!
      const expected = judge(party.genesis, assignment, result, records, SEED)
      expect(facts.judged(result.cid, result.index)).toEqual(expected)
      expect([expected.fault, expected.tallies.length]).toEqual([null, 3])
    }
  }
})

test('what was judged is not judged again after a restart, but what was changed on disk is', async () => {
  const { party } = answered(1)
  const { asker } = await pair(party)
  await findingOut(party, asker).learnAll()
  const rows = await asker.kv.entries('judgement/')
  expect(rows).toHaveLength(3)
  const [[key, sealed]] = rows as [[string, Uint8Array]]
  await asker.kv.put(key, sealed.with(sealed.length - 1, sealed.at(-1)! ^ 1))

  const again = findingOut(party, asker)
  await again.facts.load()
  const { wants } = party.state(again.facts)
  expect(wants.judgements.map(({ result }) => `judgement/${result.cid}/${result.index}`)).toEqual([key])
  await again.learnAll()
  expect(await asker.kv.entries('judgement/')).toEqual(rows)
  expect(again.learned()).toBe(0)
})

test('every result gives the loop a turn', async () => {
  const { party } = answered(4)
  const node = await lab.node()
  for (const block of party.blocks.values()) await node.blocks.put(block, 'raw')
  const { facts } = findingOut(party, node)
  let turns = 0
  const turn = () => {
    turns++
    if (turns < 1000) setImmediate(turn)
  }
  const { judgements } = party.state(facts).wants
  expect(judgements).toHaveLength(12)
  setImmediate(turn)
  await facts.learn(party.state(facts))
  const judged = judgements.filter(({ result }) => facts.judged(result.cid, result.index)).length
  expect(judged).toBeGreaterThan(0)
  expect(turns).toBeGreaterThanOrEqual(judged)
})

test('a block that nobody has is asked for again, holds nothing else up, and counts when it comes', async () => {
  const { party, assignments } = answered(2)
  const [first] = party.state().answers.units.get(dealtUnitKey(assignments[0]!))!.results.values().next().value!
  const { block } = first!.body
  const missing = party.blocks.get(block)!
  party.blocks.delete(block)
  const { giver, asker } = await pair(party)
  const { facts, learnAll } = findingOut(party, asker)
  await learnAll()
  expect(party.state(facts).wants).toMatchObject({ blocks: [block], leaves: [], judgements: [] })
  expect((await asker.kv.entries('judgement/')).length).toBe(5)
  await giver.blocks.put(missing, 'raw')
  const isHere = async () => {
    await learnAll()
    return party.state(facts).wants.blocks.length === 0
  }
  await until(isHere, 'the block', { every: 200 })
  expect((await asker.kv.entries('judgement/')).length).toBe(6)
})

test('a block that is larger than any may be is not kept: its statement says nothing', async () => {
  const party = new Party({ accounts: 3, partition: { units: 8 } })
  const [assignment] = party.deal(2, 1)
  const node = assignment!.quorum[0]!
  const large = new Uint8Array(MAX_BLOCK_BYTES + 1)
  const { bytes: _, ...covered } = blockOf([party.result(assignment!, party.claim(assignment!))])
  const body: ResultsBody = {
    ...{ type: 'results', network: party.genesis.networkId, batch: 2, round: 7, beacon: beaconAt(7) },
    ...{ ...covered, block: rawCid(large).toString() },
  }
  party.documents.results.push({ statement: sign(body, party.member(node).nodeSecret).bytes })
  party.blocks.set(body.block, large)
  const { asker } = await pair(party)
  const { facts, learnAll } = findingOut(party, asker)
  await learnAll()
  const { answers, refused, wants } = party.state(facts)
  expect([answers.malformed, refused, wants.blocks]).toEqual([1, { malformed: 1 }, []])
  expect(await asker.blocks.has(CID.parse(body.block))).toBe(false)
})

test('what is forgotten is gone from the disk', async () => {
  const { party, assignments } = answered(1)
  const { asker } = await pair(party)
  const { facts, learnAll } = findingOut(party, asker)
  await learnAll()
  const { results } = party.state(facts).answers.units.get(dealtUnitKey(assignments[0]!))!
  const [first, second] = [...results.values()].flat() as [SignedResult, SignedResult]
  await facts.forget([first.cid])
  expect((await asker.kv.entries('judgement/')).length).toBe(2)
  expect([facts.judged(first.cid, 0), facts.judged(second.cid, 0)?.tallies.length]).toEqual([undefined, 3])
})
