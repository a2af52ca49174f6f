// SPDX-License-Identifier: Apache-2.0
// templates/*, as bytes; see templates.h. The paths start at the top folder.
    .macro file template, name
    .section .data.rel.ro, "aw"
    .quad 1f, 2f, 3f, 4f
    .section .rodata
1:  .asciz "\template"
2:  .asciz "\name"
3:  .incbin "templates/\template/\name"
4:  .byte 0
    .endm

    .globl cli_templates, cli_templates_end
    .hidden cli_templates, cli_templates_end
    .section .data.rel.ro, "aw"
    .balign 8
cli_templates:
    file python, "README.md"
    file python, "cloister.yaml"
    file python, "Dockerfile"
    file python, "main.py"
    file node, "README.md"
    file node, "cloister.yaml"
    file node, "Dockerfile"
    file node, "main.js"
    file c, "README.md"
    file c, "cloister.yaml"
    file c, "Dockerfile"
    file c, "Makefile"
    file c, "main.c"
    file r, "README.md"
    file r, "cloister.yaml"
    file r, "Dockerfile"
    file r, "Renviron"
    file r, "Rprofile.site"
    file r, "main.R"
    file java, "README.md"
    file java, "cloister.yaml"
    file java, "Dockerfile"
    file java, "Main.java"
    .section .data.rel.ro, "aw"
cli_templates_end:
    .section .note.GNU-stack, "", @progbits
