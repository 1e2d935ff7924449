variable "environment" {
  type        = string
  description = "live or sandbox."
  nullable    = false

  validation {
    condition     = contains(["live", "sandbox"], var.environment)
    error_message = "The environments are live and sandbox."
  }
}

variable "environments" {
  type        = list(string)
  description = "All environments of this installation: what spans them, such as an erasure, waits for each."
  default     = ["live", "sandbox"]
  nullable    = false

  validation {
    condition     = contains(var.environments, var.environment) && length(setsubtract(var.environments, ["live", "sandbox"])) == 0
    error_message = "The environments are live, sandbox or both, and this one is among them."
  }
}

variable "trusted_proxies" {
  type        = number
  description = "How many of the last addresses in X-Forwarded-For are added behind the client's, the load balancer's not counted."
  default     = 1
  nullable    = false
}

variable "project" {
  type        = object({ id = string, number = string })
  description = "The Google Cloud project; its number is part of the functions' addresses."
  nullable    = false
}

variable "region" {
  type        = string
  description = "Where everything but Firestore is."
  nullable    = false
}

variable "firestore_location" {
  type        = string
  description = "Where bank data is."
  nullable    = false
}

variable "domain" {
  type        = string
  description = "The API's host name in this environment."
  nullable    = false
}

variable "manifest" {
  type        = any
  description = "functions/manifest.yaml, decoded: functions and queues."
  nullable    = false

  validation {
    condition     = alltrue([for name, entry in var.manifest.functions : can(regex("^[a-z][a-z0-9_]{0,20}$", name)) && !contains(["gateway", "tasks", "scheduler"], name)])
    error_message = "A function's name has at most 21 lower-case letters, digits and underscores (a service account's id, with the environment, has at most 30) and is not that of an invoker."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : contains(["gateway", "tasks", "scheduler", "public"], entry.trigger)])
    error_message = "A function's trigger is gateway, tasks, scheduler or public."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : entry.trigger != "public" || !contains(entry.environments, "live")])
    error_message = "Nothing in the live environment is public: the sandbox's bank alone takes calls from anyone."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : entry.concurrency >= 8])
    error_message = "concurrency is at least 8: a function mostly waits for Firestore or for a bank."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : entry.trigger == "gateway" || entry.trigger == "public" || entry.timeout_seconds <= 1800])
    error_message = "Cloud Tasks and Cloud Scheduler wait for 30 minutes at most."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : entry.trigger != "tasks" || contains(keys(try(var.manifest.queues, {})), try(entry.queue, ""))])
    error_message = "A function with the trigger tasks names its queue, and queues has it."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : contains(entry.settings, "kms") == (length(try(entry.kms, [])) > 0)])
    error_message = "A function with the settings kms says in kms: whether it encrypts, decrypts or both; any other has no kms."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : length(setsubtract(try(entry.kms, []), ["encrypt", "decrypt"])) == 0])
    error_message = "kms: holds encrypt and decrypt only."
  }
  validation {
    condition     = alltrue([for entry in values(var.manifest.functions) : !try(entry.control_writer, false) || contains(entry.databases, "control")])
    error_message = "Who writes the control plane opens it: control_writer goes with databases: [control]."
  }
}

variable "functions_source" {
  type = object({
    runtime           = string
    bucket            = string
    objects           = map(string)
    builder           = string
    docker_repository = string
  })
  description = "The functions' runtime, the bucket and each function's object in it, and who builds them into which repository."
  nullable    = false

  validation {
    condition     = length(setsubtract([for name, entry in var.manifest.functions : name if contains(entry.environments, var.environment)], keys(var.functions_source.objects))) == 0
    error_message = "bundles.json lacks a function of the manifest: run `make package`."
  }
}

variable "max_instances_factor" {
  type        = number
  description = "Multiplies each function's max_instances."
  default     = 1
  nullable    = false
}

variable "users" {
  type        = object({ issuer = string, audience = string, jwks_url = string, portal_url = string })
  description = "Whose tokens of signed-in users count (OpenID Connect), for whom, and where the portal is. No secret is among them."
  nullable    = false
}

variable "gateway_document" {
  type        = string
  description = "The gateway's OpenAPI document with $${backends.<function>} in place of addresses, as infra/gateway_template.py writes it."
  nullable    = false

  validation {
    condition     = can(jsondecode(var.gateway_document)["x-google-api-management"].backends)
    error_message = "The document is JSON with x-google-api-management.backends."
  }
  validation {
    condition = length(setsubtract(
      flatten([for item in values(jsondecode(var.gateway_document).paths) : [for operation in values(item) : try([operation["x-google-backend"]], [])]]),
      [for name, entry in var.manifest.functions : name if entry.trigger == "gateway" && contains(entry.environments, var.environment)],
    )) == 0
    error_message = "An operation of the gateway's document names a function that this environment's gateway does not call."
  }
}

variable "rules_path" {
  type        = string
  description = "firestore.rules, released for every database."
  nullable    = false
}

variable "indexes_path" {
  type        = string
  description = "firestore.indexes.json."
  nullable    = false
}

variable "alerts" {
  type = object({
    channels = list(string)
    thresholds = object({
      server_error_ratio   = number
      latency_p95_ms       = number
      latency_bank_p95_ms  = number
      sync_lag_minutes     = number
      queue_depth          = number
      expiring_consents    = number
      kms_errors_in_5m     = number
      limiter_degraded     = number
      bank_breakers_opened = number
    })
  })
  description = "Who is told, and from when on."
  nullable    = false
}
