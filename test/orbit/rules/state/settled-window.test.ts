/** A settled window counts as it did before, from its certificate alone. */
import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { decodeLeaf } from '../../../../kernels/result.ts'
import type { Engine } from '../../../../kernels/unit.ts'
import { readSnapshot, writeSnapshot } from '../../../../orbit/node/archive/snapshot.ts'
import { isOverAnswer, overDraws } from '../../../../orbit/node/replica/over.ts'
import { readCertificate, settledBy } from '../../../../orbit/rules/certificate/read.ts'
import { withoutLeaves, writeCertificate } from '../../../../orbit/rules/certificate/write.ts'
import { settledAfter } from '../../../../orbit/rules/network/schedule.ts'
import { decodeSettled, encodeSettled, falls } from '../../../../orbit/rules/state/settled-window.ts'
import { NO_KNOWLEDGE, stateOf } from '../../../../orbit/rules/state/state.ts'
import { summaryOf } from '../../../../orbit/rules/state/windows.ts'
import { Party } from '../party.ts'

/** Two windows certified, the first with a liar in it; a third under way. */
function party() {
  const network = new Party({ accounts: 14, real: true })
  const [disputed, ...others] = network.deal(2, 2)
  network.answerAll(others)
  network.answer(disputed!, disputed!.quorum, [0, 1, 0])
  network.answer(disputed!, disputed!.reserve.slice(0, 2), [0, 0], 20)
  network.learn(disputed!, 2)
  network.answerAll(network.deal(4, 2, { from: 2 }))
  network.answerAll(network.deal(6, 2, { from: 4 }).slice(0, 1))
  return network
}

const network = party()
const state = network.state()
const windows = [...state.windows.values()].filter(({ complete }) => complete)
const certificates = new Map(
  windows.map(({ window }) => [window, writeCertificate(state, window, network.sources)] as const),
)

test('two of three windows are complete, and one account is banned', () => {
  expect(windows).toHaveLength(2)
  expect(state.convictions).toHaveLength(1)
})

test('what is remembered of a window is the same from the state, from its certificate, and from one without leaves', () => {
  for (const window of windows) {
    const file = certificates.get(window.window)!
    const remembered = summaryOf(state, window)
    expect(settledBy(readCertificate(file))).toEqual(remembered)
    expect(settledBy(readCertificate(withoutLeaves(file)))).toEqual(remembered)
    expect(withoutLeaves(file).length).toBeLessThan(file.length)
    expect(decodeSettled(encodeSettled(remembered))).toEqual(remembered)
  }
})

test('with settled windows in place of their documents, accounts, frontier and convictions are the same', () => {
  const history = new Map(windows.map((window) => [window.window, summaryOf(state, window)]))
  const round = settledAfter(network.genesis, 6) + 1
  const isOver = overDraws(
    network.genesis,
    network.documents.draws,
    (epoch) => epoch < 6 && settledAfter(network.genesis, epoch) < round,
  )
  const left = {
    ...network.documents,
    draws: network.documents.draws.filter((document) => !isOver(document)),
    results: network.documents.results.filter(
      (document) =>
        !isOverAnswer(document, { unit: ({ window }) => history.has(window), deal: () => false }, network.knowledge),
    ),
  }
  expect(left.draws).toHaveLength(2)
  expect(left.results.length).toBeLessThan(network.documents.results.length)
  const after = stateOf(network.genesis, network.unitsPerWindow, left, network.knowledge, history, network.memory)
  expect(after.accounts).toEqual(state.accounts)
  expect(after.frontier).toEqual(state.frontier)
  expect(after.convictions.map(({ account, statements }) => [account, statements])).toEqual(
    state.convictions.map(({ account, statements }) => [account, statements]),
  )
  expect([...after.windows.keys()]).toEqual([...state.windows.keys()])
  // And also when the documents are still there.
  const both = stateOf(
    network.genesis,
    network.unitsPerWindow,
    network.documents,
    network.knowledge,
    history,
    network.memory,
  )
  expect(both.accounts).toEqual(state.accounts)
  expect(both.refused).toEqual({})
})

test('what proves that a coordinator sealed two is kept, settled or not', () => {
  const twice = party()
  // The same units again, for the same epoch, to others.
  twice.deal(2, 2, { capacity: 5 })
  const history = new Map(windows.map((window) => [window.window, summaryOf(state, window)]))
  const exposed = twice.state().equivocations
  expect(exposed).toHaveLength(1)
  const isOver = overDraws(twice.genesis, twice.documents.draws, (epoch) => epoch < 6)
  const left = { ...twice.documents, draws: twice.documents.draws.filter((document) => !isOver(document)) }
  expect(left.draws.length).toBeLessThan(twice.documents.draws.length)
  expect(stateOf(twice.genesis, twice.unitsPerWindow, left, twice.knowledge, history).equivocations).toEqual(exposed)
})

test('a settled window falls when all the accounts behind one of its units are convicted, and with it the frontier', () => {
  const history = new Map(windows.map((window) => [window.window, summaryOf(state, window)]))
  const [first, second] = windows as [(typeof windows)[0], (typeof windows)[0]]
  const convict = (accounts: readonly string[]) =>
    accounts.map((account) => ({
      ...{
        account,
        node: account,
        kind: 'leaf' as const,
        epoch: 9,
        window: 1n,
        unit: 0,
        leaf: 0,
        item: null,
        statements: [],
      },
    }))
  const after = (accounts: readonly string[]) => {
    const knowledge = { ...NO_KNOWLEDGE, convictions: convict(accounts) }
    const left = { ...network.documents, draws: [], results: [] }
    return stateOf(network.genesis, network.unitsPerWindow, left, knowledge, history, network.memory)
  }
  const behind = [...second.certified.values()][1]!.results.map(({ node }) => network.member(node).account)
  expect(after([]).frontier.windows).toBe(2)
  expect(after(behind.slice(1)).frontier.windows).toBe(2)
  const fallen = after(behind)
  expect([fallen.frontier.windows, fallen.windows.has(second.window)]).toEqual([1, false])
  expect(falls(history.get(first.window)!, new Set(behind))).toBe(false)
  // The liar of the first window is banned for what he did there, whether it stands or not.
  const all = after(network.members.map(({ account }) => account).filter((account) => account !== liar))
  expect([all.frontier.windows, all.convictions.length]).toEqual([0, network.members.length])
})
const liar = state.convictions[0]!.account

describe('a snapshot', () => {
  const engine = {
    name: 'exact',
    verify: async () => {
      throw new Error('only leaves are asked for')
    },
    verifyLeaf: async ({ window, index }, leaf) => {
      computed.push(leaf)
      return network.claim({ window, unit: index })[leaf]!
    },
    close: async () => {},
  } as Engine
  const computed: number[] = []
  const directory = mkdtempSync(join(tmpdir(), 'collatz-snapshot-'))
  const file = join(directory, 'snapshot.car')
  const read = async (path: string, leaves: Engine = engine) => {
    const found = []
    for await (const { settled } of readSnapshot(path, network.genesis, leaves)) found.push(settled)
    return found
  }

  test('gives a newcomer the same, and computes the leaf that was contested', async () => {
    await writeSnapshot(
      file,
      network.genesis,
      windows.map(({ window }) => window),
      (window) => certificates.get(window)!,
    )
    expect(await read(file)).toEqual(windows.map((window) => summaryOf(state, window)))
    expect(computed).toEqual([2])
  })

  test('is written anew from what is in it already, unless that is damaged', async () => {
    const path = join(directory, 'again.car')
    const asked: bigint[] = []
    const all = windows.map(({ window }) => window)
    const write = (which: readonly bigint[]) =>
      writeSnapshot(path, network.genesis, which, (window) => {
        asked.push(window)
        return certificates.get(window)!
      })
    await write(all.slice(0, 1))
    asked.length = 0
    await write(all)
    expect(new Set(asked)).toEqual(new Set(all.slice(1)))
    expect(readFileSync(path)).toEqual(readFileSync(file))
    const damaged = readFileSync(path)
    damaged[damaged.length - 100]! ^= 1
    writeFileSync(path, damaged)
    asked.length = 0
    await write(all)
    expect(new Set(asked)).toEqual(new Set(all.slice(-1)))
    expect(readFileSync(path)).toEqual(readFileSync(file))
  })

  test('is refused when the contested leaf comes out as the convicted had it', async () => {
    const guilty = { ...engine, verifyLeaf: async () => decodeLeaf(new Uint8Array(64)) } as Engine
    expect(await read(file, guilty).catch((error) => error.message)).toContain(
      'was signed wrong by those who certify it',
    )
  })

  test('is refused with any byte changed, cut short, or of another network', async () => {
    const bytes = new Uint8Array(readFileSync(file))
    const verdicts = new Set<string>()
    for (let at = 0; at < bytes.length; at += Math.ceil(bytes.length / 60)) {
      const changed = bytes.slice()
      changed[at]! ^= 1 << (at % 7)
      writeFileSync(`${file}.changed`, changed)
      verdicts.add(
        await read(`${file}.changed`).then(
          () => 'accepted',
          () => 'refused',
        ),
      )
    }
    writeFileSync(`${file}.changed`, bytes.slice(0, -1000))
    verdicts.add(
      await read(`${file}.changed`).then(
        () => 'accepted',
        () => 'refused',
      ),
    )
    expect([...verdicts]).toEqual(['refused'])
    const other = new Party({ accounts: 3, changes: { name: 'another' } })
    const found = readSnapshot(file, other.genesis, engine).next()
    expect(await found.catch((error) => error.message)).toContain('is of network')
    rmSync(directory, { recursive: true })
  }, 300_000)
})
