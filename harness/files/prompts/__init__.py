"""Prompts: what people write of one, the Jinja that it may use, and what it becomes for one case."""

from harness.files.prompt import *
from harness.files.prompts.compiling import LISTS, RenderFailed, TemplateRefused, TooMuchMemory, compile_template
from harness.files.prompts.confined import ConfinedRenderer, RenderRefused, Renders, renderer_of
from harness.files.prompts.render import Renderer, last_user, templates, variables
