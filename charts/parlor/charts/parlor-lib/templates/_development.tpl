{{/*
Code that can be changed in a running pod, for `skaffold dev`: a copy of it in a volume that comes
first on PYTHONPATH, and a process that starts anew when the copy changes. Off by default.
*/}}

{{- define "parlor-lib.command" -}}
{{- if .root.Values.development.reload -}}
[python, -m, parlor_kit.reloading, --source=/var/lib/parlor/source, parlor_{{ .name }}, {{ .verb }}]
{{- else -}}
[python, -m, parlor_{{ .name }}, {{ .verb }}]
{{- end }}
{{- end }}

{{- define "parlor-lib.copy-source" -}}
{{- if .root.Values.development.reload }}
- name: copy-source
  image: {{ include "parlor-lib.image" (dict "root" .root "member" .name) }}
  imagePullPolicy: {{ .root.Values.imagePullPolicy }}
  command: [python, -m, parlor_kit.reloading, --copy-to=/var/lib/parlor/source]
  resources:
    {{- toYaml .root.Values.jobResources | nindent 4 }}
  {{- include "parlor-lib.container-security" . | nindent 2 }}
  volumeMounts:
    - {name: source, mountPath: /var/lib/parlor/source}
{{- end }}
{{- end }}

{{- define "parlor-lib.source-environment" -}}
{{- if .root.Values.development.reload }}
- {name: PYTHONPATH, value: /var/lib/parlor/source}
{{- end }}
{{- end }}

{{- define "parlor-lib.source-mount" -}}
{{- if .root.Values.development.reload }}
- {name: source, mountPath: /var/lib/parlor/source}
{{- end }}
{{- end }}

{{- define "parlor-lib.source-volume" -}}
{{- if .root.Values.development.reload }}
- name: source
  emptyDir: {sizeLimit: 64Mi}
{{- end }}
{{- end }}
