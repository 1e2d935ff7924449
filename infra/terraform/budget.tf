resource "google_billing_budget" "monthly" {
  billing_account = var.billing_account
  display_name    = "Tok: ${var.project_id}"

  budget_filter {
    projects        = ["projects/${data.google_project.this.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = var.monthly_budget.currency_code
      units         = tostring(var.monthly_budget.units)
    }
  }

  dynamic "threshold_rules" {
    for_each = [0.5, 0.8, 1]
    content {
      threshold_percent = threshold_rules.value
    }
  }
  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    # Budgets take channels of the type e-mail only, five at most.
    monitoring_notification_channels = [for email in slice(var.alert_emails, 0, min(5, length(var.alert_emails))) : google_monitoring_notification_channel.email[email].id]
    disable_default_iam_recipients   = false
  }
}
