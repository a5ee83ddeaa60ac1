/**
 * A node leaves a file behind for each conviction that it knows, as soon as it has what the proof
 * takes.
 */
import { afterEach, beforeEach, expect, test } from 'bun:test'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FraudProofWriter, fraudProofPath, writeFraudProofs } from '../../../../orbit/node/home/fraud-proof-files.ts'
import { readFraudProof } from '../../../../orbit/rules/certificate/fraud-proof.ts'
import { Party } from '../../rules/party.ts'

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'collatz-fraud-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Two accounts have signed a wrong leaf, and everybody has computed it. */
const party = new Party({ accounts: 12 })
const [unit] = party.deal(2, 1)
party.answer(unit!, unit!.quorum, [0, 1, 1])
party.answer(unit!, unit!.reserve.slice(0, 2), [0, 0], 10)
party.learn(unit!, 2)
const state = party.state()
const sources = {
  leaves: (cid: string) => party.blocks.get(cid),
  registration: (node: string) => party.registration(node),
}

test('one file an account, named by it and by the kind, that reads as what the state says', () => {
  const written = writeFraudProofs(directory, state, sources)
  expect(written).toHaveLength(2)
  for (const [i, { account, node, kind }] of state.convictions.entries()) {
    expect(written[i]).toBe(join(directory, 'fraud', `${account.slice(0, 16)}-leaf.json`))
    expect(readFraudProof(new Uint8Array(readFileSync(written[i]!)))).toMatchObject({ account, node, kind, leaf: 2 })
  }
})

test('a file that is there stays as it is', () => {
  const [first] = writeFraudProofs(directory, state, sources) as [string]
  writeFileSync(first, 'kept')
  expect(writeFraudProofs(directory, state, sources)).toEqual([])
  expect(readFileSync(first, 'utf8')).toBe('kept')
})

test('what is not here yet is waited for', () => {
  expect(writeFraudProofs(directory, state, { ...sources, leaves: () => undefined })).toEqual([])
  expect(readdirSync(directory)).toEqual([])
  expect(writeFraudProofs(directory, state, sources)).toHaveLength(2)
})

test('many changes are one look, and what is due is written before the node stops', () => {
  let looks = 0
  const errors: Error[] = []
  const options = { directory, sources, onError: (error: Error) => errors.push(error) }
  const proofs = new FraudProofWriter({
    ...options,
    state: () => {
      looks++
      return state
    },
  })
  for (let i = 0; i < 100; i++) proofs.update()
  expect(looks).toBe(0)
  proofs.stop()
  proofs.stop()
  expect({ looks, errors }).toEqual({ looks: 1, errors: [] })
  expect(readdirSync(join(directory, 'fraud'))).toHaveLength(2)
})

test('a disk that refuses is told once', () => {
  const errors: Error[] = []
  writeFileSync(join(directory, 'fraud'), 'a file where the folder should be')
  const proofs = new FraudProofWriter({
    directory,
    sources,
    state: () => state,
    onError: (error) => errors.push(error),
  })
  for (let i = 0; i < 3; i++) {
    proofs.update()
    proofs.stop()
  }
  expect(errors).toHaveLength(1)
  expect(() => readFileSync(fraudProofPath(directory, state.convictions[0]!))).toThrow()
})
