import { defineCommand } from 'citty'
import { build } from './build.ts'
import { fetch } from './fetch.ts'
import { publish } from './publish.ts'
import { serve } from './serve.ts'

export const leaderboard = defineCommand({
  meta: { name: 'leaderboard', description: 'build, show, publish or fetch the page' },
  subCommands: { build, serve, publish, fetch },
})
