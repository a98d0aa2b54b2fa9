//! Commands: from the text of a scenario to the request.

use cpss_registry::proto::google::r#type::Date;
use cpss_registry::proto::v1;
use cpss_registry::proto::v1::import_row::Command;
use cpss_registry::proto::v1::{report_employment_end_request, report_employment_start_request};

use super::names::{Names, designations, person_name, word};
use super::text::Clauses;

/// The birth date of people without a given one.
pub const BORN: &str = "1984-02-29";

/// The command in the text, and the name given to its result.
pub fn command(text: &mut Clauses, names: &Names) -> Result<(Command, Option<String>), String> {
    let head = text.head();
    let head: Vec<&str> = head.iter().map(String::as_str).collect();
    let named = |name: &str| Some(name.to_owned());
    Ok(match head[..] {
        ["provider", id] => (register_provider(id, text)?, None),
        ["update", id] => (update_provider(id, text)?, None),
        ["qualify", id, basis] => (qualify(id, basis, text)?, None),
        ["certify", "service", id] => (certify_service(id, text)?, None),
        ["suspend", "service", id] => (suspend_service(id, text)?, None),
        ["suspend", "provider", id] => (suspend_provider(id, text)?, None),
        ["person", name] => (register_specialist(name, text)?, named(name)),
        ["rename", name] => (rename(names.person(name)?, text)?, None),
        ["died", name] => (died(names.person(name)?, text)?, None),
        ["job", name, ref who @ ..] => {
            let name = name.strip_suffix(':').ok_or("job NAME: WHO is meant")?;
            (start_job(who, names, text)?, named(name))
        }
        ["end", "job", "of", who] => {
            let number = report_employment_end_request::Job::CredentialNumber(names.number(who)?);
            (end_job(number, text)?, None)
        }
        ["end", "job", name] => {
            let job = report_employment_end_request::Job::EmploymentId(names.job(name)?);
            (end_job(job, text)?, None)
        }
        ["correct", "job", name] => (correct_job(names.job(name)?, text)?, None),
        ["move", from] => (move_staff(from, text)?, None),
        ["credential", name] => {
            let called = text.text("numbered").unwrap_or(name.to_owned());
            (issue(names.person(name)?, text)?, Some(called))
        }
        ["transferred", name] => {
            let called = text.text("numbered").unwrap_or(name.to_owned());
            (transferred(names.person(name)?, text)?, Some(called))
        }
        ["records", "begin"] => (Command::RecordsBegin(v1::RecordsBegin { first_day: text.day("on")? }), None),
        ["end", label] => (end_period(names.fact(label)?, text)?, None),
        ["retract", label] => (retract(names.fact(label)?, text), None),
        ["suspend", who, basis] => (suspend(names.number(who)?, basis, text)?, None),
        ["grant", who, code] => (grant(names.number(who)?, code, text)?, None),
        ["limit", who] => (limit(names.number(who)?, text)?, None),
        ["inactive", who] => (inactive(names.number(who)?, text)?, None),
        ["set", who] => (set_prior(names.number(who)?, text)?, None),
        ["renew", who] => (renew(names.number(who)?, text)?, None),
        [act, who] => (self::act(act, names.number(who)?, "DISCIPLINARY", text)?, None),
        [act, who, basis] => (self::act(act, names.number(who)?, basis, text)?, None),
        _ => return Err(format!("{head:?} is not a command")),
    })
}

fn days(text: &mut Clauses) -> Result<(Option<Date>, Option<Date>), String> {
    Ok((text.day("from")?, text.day("to")?))
}

fn identifiers(text: &mut Clauses) -> Vec<v1::Identifier> {
    let kinds = [("npi", v1::IdentifierKind::Npi), ("medicaid", v1::IdentifierKind::MedicaidId)];
    let given = kinds.map(|(keyword, kind)| Some(v1::Identifier { kind: kind.into(), value: text.text(keyword)? }));
    given.into_iter().flatten().collect()
}

fn facility(text: &mut Clauses) -> Result<i32, String> {
    let facility = text.text("type").unwrap_or("COMMUNITY_MENTAL_HEALTH_CENTER".to_owned());
    word!(FacilityType, "FACILITY_TYPE_", &facility)
}

fn register_provider(id: &str, text: &mut Clauses) -> Result<Command, String> {
    Ok(Command::RegisterProvider(v1::RegisterProviderRequest {
        provider_id: id.to_owned(),
        legal_name: text.text("named").unwrap_or(format!("Example Center {id}")),
        facility_type: facility(text)?,
        county: text.text("county").unwrap_or("Hinds".to_owned()),
        identifiers: identifiers(text),
        ..Default::default()
    }))
}

fn update_provider(id: &str, text: &mut Clauses) -> Result<Command, String> {
    Ok(Command::UpdateProvider(v1::UpdateProviderRequest {
        provider_id: id.to_owned(),
        legal_name: text.text("named").unwrap_or(format!("Example Center {id}")),
        facility_type: facility(text)?,
        county: text.text("county").unwrap_or("Hinds".to_owned()),
        identifiers: identifiers(text),
        ..Default::default()
    }))
}

fn qualify(id: &str, basis: &str, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    Ok(Command::RecordQualification(v1::RecordQualificationRequest {
        provider_id: id.to_owned(),
        basis: word!(QualificationBasis, "QUALIFICATION_BASIS_", basis)?,
        first_day,
        last_day,
        valid_through: text.day_of("valid", "through")?,
        ..Default::default()
    }))
}

fn certify_service(id: &str, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    let valid_through = text.day_of("valid", "through")?;
    let provider_id = id.to_owned();
    let request =
        v1::CertifyPeerServiceRequest { provider_id, first_day, last_day, valid_through, ..Default::default() };
    Ok(Command::CertifyPeerService(request))
}

fn suspend_service(id: &str, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    let request =
        v1::SuspendPeerServiceRequest { provider_id: id.to_owned(), first_day, last_day, ..Default::default() };
    Ok(Command::SuspendPeerService(request))
}

fn suspend_provider(id: &str, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    let request = v1::SuspendProviderRequest { provider_id: id.to_owned(), first_day, last_day, ..Default::default() };
    Ok(Command::SuspendProvider(request))
}

/// The name and birth date of a person in the text.
fn register_specialist(name: &str, text: &mut Clauses) -> Result<Command, String> {
    let name = person_name(&text.text("named").unwrap_or(name.to_owned()));
    let birth_date = super::text::day(&text.text("born").unwrap_or(BORN.to_owned()))?;
    let request =
        v1::RegisterSpecialistRequest { name: Some(name), birth_date: Some(birth_date), ..Default::default() };
    Ok(Command::RegisterSpecialist(request))
}

fn rename(specialist_id: String, text: &mut Clauses) -> Result<Command, String> {
    let name = Some(person_name(&text.need("named")?));
    Ok(Command::ChangeSpecialistName(v1::ChangeSpecialistNameRequest { specialist_id, name, ..Default::default() }))
}

fn died(specialist_id: String, text: &mut Clauses) -> Result<Command, String> {
    let death_date = text.day("on")?;
    Ok(Command::RecordDeath(v1::RecordDeathRequest { specialist_id, death_date, ..Default::default() }))
}

fn start_job(who: &[&str], names: &Names, text: &mut Clauses) -> Result<Command, String> {
    use report_employment_start_request::Person;
    let person = match who {
        ["number", who] => Person::CredentialNumber(names.number(who)?),
        [who] => Person::SpecialistId(names.person(who)?),
        _ => return Err("job NAME: WHO, or job NAME: number WHO, is meant".to_owned()),
    };
    let (first_day, last_day) = days(text)?;
    Ok(Command::ReportEmploymentStart(v1::ReportEmploymentStartRequest {
        person: Some(person),
        family_name: text.text("family").unwrap_or_default(),
        provider_id: text.text("with").unwrap_or_default(),
        position: text.text("position").unwrap_or("Peer support specialist".to_owned()),
        first_day,
        last_day,
        supervised: !text.has("unsupervised"),
        birth_date: text.day("born")?,
        ..Default::default()
    }))
}

fn end_job(job: report_employment_end_request::Job, text: &mut Clauses) -> Result<Command, String> {
    let reason = text.text("because").unwrap_or("RESIGNED".to_owned());
    Ok(Command::ReportEmploymentEnd(v1::ReportEmploymentEndRequest {
        job: Some(job),
        last_day: text.day("on")?,
        reason: word!(EmploymentEndReason, "EMPLOYMENT_END_REASON_", &reason)?,
        ..Default::default()
    }))
}

fn correct_job(employment_id: String, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    let request = v1::CorrectEmploymentRequest { employment_id, first_day, last_day, ..Default::default() };
    Ok(Command::CorrectEmployment(request))
}

fn move_staff(from: &str, text: &mut Clauses) -> Result<Command, String> {
    Ok(Command::TransferEmployments(v1::TransferEmploymentsRequest {
        from_provider_id: from.to_owned(),
        to_provider_id: text.need("to")?,
        last_day: text.day("on")?,
        ..Default::default()
    }))
}

fn end_period(fact_id: String, text: &mut Clauses) -> Result<Command, String> {
    let reason = text.text("because").unwrap_or("It ended".to_owned());
    let last_day = text.day("on")?;
    Ok(Command::EndPeriod(v1::EndPeriodRequest { fact_id, last_day, reason, ..Default::default() }))
}

fn retract(fact_id: String, text: &mut Clauses) -> Command {
    let reason = text.text("because").unwrap_or("Recorded by mistake".to_owned());
    Command::RetractFact(v1::RetractFactRequest { fact_id, reason, ..Default::default() })
}

fn issue(specialist_id: String, text: &mut Clauses) -> Result<Command, String> {
    let effective_from = text.day("from")?;
    let designations = designations(&text.text("for").unwrap_or("ADULT_AND_RECOVERY".to_owned()))?;
    let application = Some(application(effective_from, &designations, text)?);
    let decision_note = text.text("decision").unwrap_or_default();
    Ok(Command::IssueCredential(v1::IssueCredentialRequest {
        specialist_id,
        application,
        effective_from,
        designations,
        decision_note,
        ..Default::default()
    }))
}

/// An application that meets `cpssp-2025`, with the changes in the text.
pub fn application(
    effective_from: Option<Date>,
    designations: &[i32],
    text: &mut Clauses,
) -> Result<v1::Application, String> {
    let before = |days: i32| days_before(effective_from, days);
    let completed_on = text.day("trained")?.or(before(80));
    // An applicant who requests no designation still has a training.
    let trained = if designations.is_empty() { &[v1::Designation::AdultAndRecovery as i32] } else { designations };
    let training = |designation: &i32| v1::Training {
        completed_on,
        designation: *designation,
        hours: 40.0,
        pre_training_completed: true,
    };
    let score = text.amount("score")?.unwrap_or(80.0);
    let education = text.text("education").unwrap_or("GED".to_owned());
    let references = text.text("references").unwrap_or("2".to_owned());
    Ok(v1::Application {
        applied_on: text.day("applied")?.or(effective_from),
        mississippi_resident: text.text("resident").is_none_or(|said| said != "no"),
        lived_experience: v1::LivedExperience::Self_.into(),
        recovery_attested: text.text("recovery").is_none_or(|said| said != "no"),
        education: word!(Education, "EDUCATION_", &education)?,
        literate: true,
        experience_hours: text.amount("hours")?.unwrap_or(250.0),
        experience_within_three_years: true,
        college_year_within_three_years: false,
        references: references.parse().map_err(|_| format!("{references} is not a number"))?,
        trainings: trained.iter().map(training).collect(),
        exam_attempts: vec![v1::ExamAttempt { taken_on: text.day("examined")?.or(before(40)), score }],
        ..Default::default()
    })
}

fn days_before(date: Option<Date>, days: i32) -> Option<Date> {
    let date = date?;
    let [year, month, day] = [date.year, date.month, date.day].map(i16::try_from);
    let month = i8::try_from(month.ok()?).ok()?;
    let day = jiff::civil::Date::new(year.ok()?, month, i8::try_from(day.ok()?).ok()?).ok()?;
    let day = day.checked_sub(jiff::Span::new().days(days)).ok()?;
    Some(Date { year: day.year().into(), month: day.month().into(), day: day.day().into() })
}

fn transferred(specialist_id: String, text: &mut Clauses) -> Result<Command, String> {
    let (effective_from, term_last_day) = days(text)?;
    Ok(Command::Transferred(v1::TransferredCredential {
        specialist_id,
        effective_from,
        term_last_day,
        designations: designations(&text.text("for").unwrap_or("ADULT_AND_RECOVERY".to_owned()))?,
        rule_set_id: text.text("rules").unwrap_or_default(),
        prior_numbers: text.text("prior").iter().flat_map(|listed| listed.split(',').map(str::to_owned)).collect(),
    }))
}

fn set_prior(credential_number: String, text: &mut Clauses) -> Result<Command, String> {
    let prior_number = text.need("prior")?;
    Ok(Command::SetPriorNumber(v1::SetPriorNumberRequest { credential_number, prior_number, ..Default::default() }))
}

fn renew(credential_number: String, text: &mut Clauses) -> Result<Command, String> {
    let (effective_from, term_last_day) = days(text)?;
    Ok(Command::RenewCredential(v1::RenewCredentialRequest {
        credential_number,
        effective_from,
        term_last_day,
        continuing_education_hours: text.amount("ce")?.unwrap_or_default(),
        ..Default::default()
    }))
}

fn grant(credential_number: String, code: &str, text: &mut Clauses) -> Result<Command, String> {
    let code = word!(Designation, "DESIGNATION_", code)?;
    let (first_day, last_day) = days(text)?;
    let request = v1::GrantDesignationRequest { credential_number, code, first_day, last_day, ..Default::default() };
    Ok(Command::GrantDesignation(request))
}

fn suspend(credential_number: String, basis: &str, text: &mut Clauses) -> Result<Command, String> {
    let basis = word!(SuspensionBasis, "SUSPENSION_BASIS_", basis)?;
    let (first_day, last_day) = days(text)?;
    let request = v1::SuspendCredentialRequest { credential_number, basis, first_day, last_day, ..Default::default() };
    Ok(Command::SuspendCredential(request))
}

fn limit(credential_number: String, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    let text = "Works in the presence of a supervisor".to_owned();
    let request = v1::LimitCredentialRequest { credential_number, text, first_day, last_day, ..Default::default() };
    Ok(Command::LimitCredential(request))
}

fn inactive(credential_number: String, text: &mut Clauses) -> Result<Command, String> {
    let (first_day, last_day) = days(text)?;
    let request = v1::GrantInactiveStatusRequest { credential_number, first_day, last_day, ..Default::default() };
    Ok(Command::GrantInactiveStatus(request))
}

fn act(act: &str, credential_number: String, basis: &str, text: &mut Clauses) -> Result<Command, String> {
    let effective_from = text.day("from")?;
    macro_rules! dated {
        ($request:ident) => {
            v1::$request { credential_number, effective_from, ..Default::default() }
        };
    }
    Ok(match act {
        "revoke" => {
            let basis = word!(RevocationBasis, "REVOCATION_BASIS_", basis)?;
            Command::RevokeCredential(v1::RevokeCredentialRequest { basis, ..dated!(RevokeCredentialRequest) })
        }
        "surrender" => Command::RecordSurrender(dated!(RecordSurrenderRequest)),
        "relinquish" => Command::RecordRelinquishment(dated!(RecordRelinquishmentRequest)),
        "retire" => Command::RecordRetirement(dated!(RecordRetirementRequest)),
        "reinstate" => Command::ReinstateCredential(dated!(ReinstateCredentialRequest)),
        _ => return Err(format!("{act} is not a command")),
    })
}
