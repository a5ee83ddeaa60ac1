/** `collatz leaderboard`: the commands about the page. */
import { defineCommand } from 'citty'
import { build } from './build-page.ts'
import { fetch } from './fetch-page.ts'
import { publish } from './publish-page.ts'
import { serve } from './serve-page.ts'

export const leaderboard = defineCommand({
  meta: { name: 'leaderboard', description: 'build, show, publish or fetch the page' },
  subCommands: { build, serve, publish, fetch },
})
