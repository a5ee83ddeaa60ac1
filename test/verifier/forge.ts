/** Certificates taken apart and put together in other ways, and what two verifiers say of them. */

import { expect } from 'bun:test'
import * as dagCbor from '@ipld/dag-cbor'
import * as dagJson from '@ipld/dag-json'
import { cidOf } from '../../orbit/rules/base/cid.ts'
import { createMemory } from '../../orbit/rules/base/memory.ts'
import { RuleError, sign } from '../../orbit/rules/base/statement.ts'
import { readCertificate } from '../../orbit/rules/certificate/read.ts'
import { writeCertificate } from '../../orbit/rules/certificate/write.ts'
import type { ResultBody } from '../../orbit/rules/message/bodies.ts'
import type { Party } from '../orbit/rules/party.ts'
import { verify } from './verify.mjs'

/** Thousands of files share their registrations and beacon rounds: each is checked once. */
const memory = createMemory()

export const window = 1n << 43n

/** What both say of a file. */
export function verdict(file: object): string {
  const bytes = dagJson.encode(file)
  const said = (read: () => string, refusal: new (message: string) => Error) => {
    try {
      return `accepted${read()}`
    } catch (error) {
      return error instanceof refusal ? 'refused' : `threw ${error}`
    }
  }
  const contested = () => `, contested: ${readCertificate(bytes, memory).contested.map(({ leaf }) => leaf)}`
  const ours = said(contested, RuleError)
  const theirs = said(() => {
    verify(bytes)
    return ''
  }, Error)
  return ours.startsWith(theirs) ? ours : `ours: ${ours}; theirs: ${theirs}`
}

/** What a file that both accept says: which results, by whom. */
export function said(file: object) {
  expect(verdict(file)).toStartWith('accepted')
  const bytes = dagJson.encode(file)
  const { units, accounts, count, checksum } = readCertificate(bytes, memory)
  return {
    ...{ count, checksum, accounts: accounts.map(({ account }) => account) },
    units: [...units].map(([unit, { result, accounts, auditors, wrong }]) => [unit, result, accounts, auditors, wrong]),
    theirs: verify(bytes),
  }
}
export const ACCEPTED = 'accepted, contested: '

export const cid = (bytes: Uint8Array) => cidOf(bytes).toString()
export const byCid = (statements: Uint8Array[]) =>
  [...new Map(statements.map((bytes) => [cid(bytes), bytes]))].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, b]) => b)
export const sources = (party: Party) => ({
  leaves: (name: string) => party.blocks.get(name),
  registration: (node: string) => party.registration(node),
})
export const fileOf = (party: Party) => dagJson.decode<any>(writeCertificate(party.state(), window, sources(party)))
export const statements = (party: Party) =>
  party.documents.results.map((document: any) => document.statement as Uint8Array)
export const signerOf = (bytes: Uint8Array) => Buffer.from(dagCbor.decode<any>(bytes).key).toString('hex')
export const secretOf = (party: Party, key: string) => {
  const member = party.members.find(({ node, account }) => node === key || account === key)!
  return member.node === key ? member.nodeSecret : member.accountSecret
}
/** Signed again, by the same signer, with a change. */
export const anew = (party: Party, bytes: Uint8Array, change: object) =>
  sign({ ...dagCbor.decode<any>(bytes).body, ...change }, secretOf(party, signerOf(bytes))).bytes

/** They commit, each to a result of his own and in a round of his own, and then show them, citing all commits. */
export function answer(
  party: Party,
  nodes: string[],
  results: ResultBody[],
  rounds: number[],
  shown: number,
): string[] {
  const commits = nodes.map((node, i) => party.commit(node, [results[i]!], rounds[i]!))
  for (const [i, node] of nodes.entries()) {
    party.reveal(node, commits[i]!, new Map([[0, commits.filter((_, j) => j !== i)]]), shown)
  }
  return commits
}

/** The file with unit 0 certified by what these commits bind to, whatever the rules say of that. */
export function assembled(
  party: Party,
  file: any,
  commits: readonly string[],
  leaves: Uint8Array,
  contested: Uint8Array[],
) {
  const shown = party.documents.results
    .filter(({ items }: any) => items?.length === 1)
    .map(({ statement, items: [item] }: any) => ({ statement, item, commit: dagCbor.decode<any>(item).commit }))
    .filter(({ commit }) => commits.includes(commit))
    .sort((a, b) => commits.indexOf(a.commit) - commits.indexOf(b.commit))
  const old = file.reveals as Uint8Array[]
  const kept = file.units.slice(1).flatMap((unit: any) => unit.results.map(({ reveal }: any) => old[reveal]))
  file.reveals = byCid([...kept, ...shown.map(({ statement }) => statement)])
  const at = (bytes: Uint8Array) => file.reveals.findIndex((other: Uint8Array) => cid(other) === cid(bytes))
  for (const unit of file.units.slice(1)) for (const result of unit.results) result.reveal = at(old[result.reveal]!)
  const results = shown.map(({ statement, item }) => ({ reveal: at(statement), index: 0, proof: [], item }))
  file.units[0] = { ...file.units[0], results, leaves, contested }
  file.commits = byCid([...file.commits, ...statements(party).filter((bytes) => commits.includes(cid(bytes)))])
  registered(party, file, ...shown.map(({ statement }) => signerOf(statement)))
  return file
}

/** The file with the registrations of more nodes. */
export function registered(party: Party, file: any, ...more: string[]) {
  const nodes = file.registrations.map(({ consent }: any) => signerOf(consent))
  file.registrations = [...new Set([...nodes, ...more])].sort().map((node) => party.registration(node as string))
}
