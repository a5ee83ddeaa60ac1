/**
 * The certificate file of a window says what the documents say now, also when what they said before
 * has been taken back.
 */
import { afterAll, expect, test } from 'bun:test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CID } from 'multiformats/cid'
import { archivable } from '../../../../orbit/node/archive/archived-windows.ts'
import { Certifier } from '../../../../orbit/node/archive/certifier.ts'
import { readCertificateFile } from '../../../../orbit/node/home/certificate-files.ts'
import type { OrbitNode } from '../../../../orbit/node/orbit-node.ts'
import { readCertificate } from '../../../../orbit/rules/certificate/read.ts'
import { settledAfter } from '../../../../orbit/rules/network/schedule.ts'
import { Party } from '../../rules/party.ts'

const directory = mkdtempSync(join(tmpdir(), 'collatz-certifier-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

test('a lie that was certified and exposed is taken out of the file, and the truth takes its place', async () => {
  const party = new Party({ accounts: 20 })
  const window = 1n << 43n
  const [lied, ...others] = party.deal(2, 4)
  party.answer(lied!, lied!.quorum, [1, 1, 1])
  party.answerAll(others)
  const blocks = { get: async (cid: CID) => party.blocks.get(cid.toString())! } as unknown as OrbitNode['blocks']
  const errors: string[] = []
  const certifier = new Certifier({
    ...{ directory, node: { blocks }, state: () => party.state(), signal: new AbortController().signal },
    sources: { leaves: (cid) => party.blocks.get(cid), registration: (node) => party.registration(node) },
    onWritten: () => {},
    onError: ({ message }) => errors.push(message),
  })
  const checksumIn = () => {
    const file = readCertificateFile(directory, window)
    return file && readCertificate(file).units.get(lied!.unit)!.result.checksum
  }
  const isArchivable = (epoch: number) =>
    archivable(party.state(), settledAfter(party.genesis, epoch) + 1, directory).length === 1
  const [truth, lie] = [0, 1].map((variant) => party.result(lied!, party.claim(lied!, variant)))
  await certifier.update()
  expect(checksumIn()).toBe(lie!.checksum)

  const auditor = party.members.find(({ node }) => !lied!.quorum.includes(node))!.node
  const record = party.blocks.get(truth!.leaves)!.slice(128, 192)
  party.audit(auditor, [[2, `${window}`, lied!.unit, 2, record]])
  party.learn(lied!, 2)
  await certifier.update()
  expect(checksumIn()).toBeNull()

  const [again] = party.deal(4, 1, { from: lied!.unit })
  party.answer(
    again!,
    again!.quorum
      .concat(again!.reserve)
      .filter((node) => !lied!.quorum.includes(node))
      .slice(0, 3),
    [],
    20,
  )
  await certifier.update()
  expect({ checksum: checksumIn(), errors }).toEqual({ checksum: truth!.checksum, errors: [] })
  expect(isArchivable(4)).toBe(true)
})

test('a file from before a restart that says something else is written anew, and nothing is settled by it', async () => {
  // The window of the test before, certified otherwise.
  const party = new Party({ accounts: 20 })
  const window = 1n << 43n
  party.answerAll(party.deal(2, 4))
  expect(archivable(party.state(), settledAfter(party.genesis, 2) + 1, directory)).toEqual([])
  const certifier = new Certifier({
    ...{ directory, state: () => party.state(), signal: new AbortController().signal, onWritten: () => {} },
    node: { blocks: { get: async (cid: CID) => party.blocks.get(cid.toString())! } as unknown as OrbitNode['blocks'] },
    sources: { leaves: (cid) => party.blocks.get(cid), registration: (node) => party.registration(node) },
    onError: (error) => {
      throw error
    },
  })
  await certifier.update()
  const [epoch] = [...readCertificate(readCertificateFile(directory, window)!).units.values()].map((unit) => unit.epoch)
  expect(epoch).toBe(2)
  expect(archivable(party.state(), settledAfter(party.genesis, 2) + 1, directory)).toHaveLength(1)
})
